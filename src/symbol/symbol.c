/* symbol.c */
#include "config.h"

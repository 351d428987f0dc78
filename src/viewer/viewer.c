/* viewer.c */
#include "config.h"

/* model.c */
#include "config.h"

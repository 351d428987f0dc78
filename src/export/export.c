/* export.c */
#include "config.h"

/* demo.h - the program that `heaptop demo` shows. */
#ifndef HEAPTOP_CMD_DEMO_H
#define HEAPTOP_CMD_DEMO_H

/* Serves so many requests at once, or, with 0, forty a second until a good
 * deal of memory is gone. */
void demo_program(unsigned requests);

#endif

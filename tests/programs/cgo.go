// C called from Go, which calls back into Go, which calls C again: the C parts
// allocate with malloc, on stacks that Go's scheduler hands out.
package main

/*
#include <stdlib.h>
#include <string.h>

extern int goCallback(int);

static int nested(int depth)
{
	char *room = malloc(100 + depth);
	int result;

	memset(room, depth, 100);
	result = depth ? nested(depth - 1) : 0;
	result += room[50];
	free(room);
	return result;
}

static int outer(int depth)
{
	char *room = malloc(64);
	int result = nested(depth) + goCallback(depth);

	free(room);
	return result;
}
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

//export goCallback
func goCallback(depth C.int) C.int {
	text := C.CString("from go, back in C")
	defer C.free(unsafe.Pointer(text))
	if depth > 0 {
		return C.nested(depth-1) + C.int(C.strlen(text))
	}
	return 0
}

func main() {
	var wait sync.WaitGroup
	sums := make([]int, 8)

	for i := range sums {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			for n := 0; n < 5000; n++ {
				sums[i] += int(C.outer(C.int(n % 12)))
			}
		}(i)
	}
	wait.Wait()
	fmt.Println(sums[0])
}

// Threads that share the parts of one piece of work and then wait for the next (fork and join).
//
// Which thread does a part, and how many there are, is chance: parts must neither read nor write what
// another of them writes.
#ifndef CWORKERS_H
#define CWORKERS_H

#include <stddef.h>

typedef struct cw_crew cw_crew;

// A crew with so many threads beside that of the caller; fewer where the system gives no more.
// NULL where there is no memory.
cw_crew *cw_crew_create(size_t threads);
// How many threads there are beside that of the caller.
size_t cw_crew_threads(const cw_crew *crew);
// Runs part(0, context) to part(count - 1, context), and returns when all are done. The caller takes parts too, and
// waits for no thread that has not begun one. One caller at a time.
void cw_crew_run(cw_crew *crew, size_t count, void (*part)(size_t index, void *context), void *context);
void cw_crew_destroy(cw_crew *crew);

#endif

#include "CWorkers.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

// How often a thread looks for work, or for the end of it, before it sleeps: some ten microseconds. To be woken
// costs as much, and the next part of a step is seldom further away.
enum { LOOKS = 1000 };

struct cw_crew {
    pthread_mutex_t lock;
    pthread_cond_t has_work, is_done;
    // Under the lock.
    void (*part)(size_t, void *);
    void *context;
    size_t count, next;
    bool ends;
    // Written under the lock, looked at without it.
    atomic_size_t calls, unfinished;
    size_t thread_count;
    pthread_t threads[];
};

static void look_away(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Takes parts until none is left. The lock is held before and after, not while a part runs.
static void take_parts(cw_crew *crew) {
    while (crew->next < crew->count) {
        const size_t index = crew->next++;
        pthread_mutex_unlock(&crew->lock);
        crew->part(index, crew->context);
        pthread_mutex_lock(&crew->lock);
        if (atomic_fetch_sub(&crew->unfinished, 1) == 1) pthread_cond_signal(&crew->is_done);
    }
}

static void *work(void *argument) {
    cw_crew *crew = argument;
    pthread_mutex_lock(&crew->lock);
    while (!crew->ends) {
        take_parts(crew);
        const size_t seen = atomic_load(&crew->calls);
        pthread_mutex_unlock(&crew->lock);
        for (int look = 0; look < LOOKS && atomic_load_explicit(&crew->calls, memory_order_relaxed) == seen; look++)
            look_away();
        pthread_mutex_lock(&crew->lock);
        while (atomic_load(&crew->calls) == seen && !crew->ends) pthread_cond_wait(&crew->has_work, &crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

cw_crew *cw_crew_create(size_t threads) {
    cw_crew *crew = calloc(1, sizeof *crew + threads * sizeof(pthread_t));
    if (!crew) return NULL;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->has_work, NULL);
    pthread_cond_init(&crew->is_done, NULL);
    // Signals are for those who wait for them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (crew->thread_count < threads
           && pthread_create(&crew->threads[crew->thread_count], NULL, work, crew) == 0)
        crew->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return crew;
}

size_t cw_crew_threads(const cw_crew *crew) { return crew->thread_count; }

void cw_crew_run(cw_crew *crew, size_t count, void (*part)(size_t, void *), void *context) {
    pthread_mutex_lock(&crew->lock);
    crew->part = part;
    crew->context = context;
    crew->count = count;
    crew->next = 0;
    atomic_store(&crew->unfinished, count);
    atomic_fetch_add(&crew->calls, 1);
    pthread_cond_broadcast(&crew->has_work);
    take_parts(crew);
    if (atomic_load(&crew->unfinished) > 0) {
        pthread_mutex_unlock(&crew->lock);
        for (int look = 0; look < LOOKS && atomic_load_explicit(&crew->unfinished, memory_order_relaxed) > 0; look++)
            look_away();
        pthread_mutex_lock(&crew->lock);
        while (atomic_load(&crew->unfinished) > 0) pthread_cond_wait(&crew->is_done, &crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
}

void cw_crew_destroy(cw_crew *crew) {
    pthread_mutex_lock(&crew->lock);
    crew->ends = true;
    pthread_cond_broadcast(&crew->has_work);
    pthread_mutex_unlock(&crew->lock);
    for (size_t thread = 0; thread < crew->thread_count; thread++) pthread_join(crew->threads[thread], NULL);
    pthread_cond_destroy(&crew->is_done);
    pthread_cond_destroy(&crew->has_work);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}

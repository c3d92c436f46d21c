/* Preloaded into the program, makes the machine run out of threads, which RLIMIT_NPROC does not do
 * to root: while the file that THREAD_FAULT names exists, no thread can be made. Thread: any. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    typedef int (*Create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    const Create real = (Create)dlsym(RTLD_NEXT, "pthread_create");
    const char *path = getenv("THREAD_FAULT");
    if (path != NULL && access(path, F_OK) == 0)
        return EAGAIN;
    return real(thread, attributes, run, argument);
}

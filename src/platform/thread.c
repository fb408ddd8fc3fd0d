/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct thread_start {
    void (*run)(void *context);
    void *context;
    char name[16];
} thread_start;

static void *thread_main(void *argument) {
    thread_start start = *(thread_start *)argument;
    free(argument);
    (void)pthread_setname_np(pthread_self(), start.name);
    start.run(start.context);
    return NULL;
}

hone_status hone_thread_create(const char *name, void (*run)(void *context), void *context,
                               hone_thread *out_thread) {
    thread_start *start = calloc(1, sizeof *start);
    if (!start) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    start->run = run;
    start->context = context;
    memcpy(start->name, name, strnlen(name, sizeof start->name - 1));
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&out_thread->handle, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(start);
        return error == EAGAIN ? HONE_STATUS_LIMIT : HONE_STATUS_FORBIDDEN;
    }
    return HONE_OK;
}

void hone_thread_join(hone_thread thread) {
    (void)pthread_join(thread.handle, NULL);
}

hone_status hone_thread_pin_set(const hone_cpu_set *cpus) {
    /* The raw call: the CPUs that there can be (cpu_set.h) are more than a cpu_set_t holds. */
    if (syscall(SYS_sched_setaffinity, 0, sizeof *cpus, cpus) == 0) {
        return HONE_OK;
    }
    return errno == EINVAL ? HONE_STATUS_ABSENT : HONE_STATUS_FORBIDDEN;
}

hone_status hone_thread_pin(uint32_t cpu) {
    hone_cpu_set set = {{0}};
    hone_cpu_set_add(&set, cpu); /* beyond HONE_CPUS_MAX: the empty set, which is ABSENT too */
    return hone_thread_pin_set(&set);
}

/* As sched_setattr(2) has it; glibc 2.36 does not. */
typedef struct deadline_attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
} deadline_attributes;

hone_status hone_thread_reserve(uint64_t runtime_ns, uint64_t period_ns) {
    enum { POLICY_DEADLINE = 6, FLAG_RESET_ON_FORK = 1, FLAG_RECLAIM = 2 };
    if (runtime_ns < 1024 || runtime_ns > period_ns || period_ns < 100000 ||
        period_ns > 4000000000u) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    deadline_attributes attributes = {
        .size = sizeof attributes,
        .policy = POLICY_DEADLINE,
        .flags = FLAG_RESET_ON_FORK | FLAG_RECLAIM,
        .runtime_ns = runtime_ns,
        .deadline_ns = period_ns,
        .period_ns = period_ns,
    };
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) {
        return HONE_OK;
    }
    switch (errno) {
    case EPERM: return HONE_STATUS_FORBIDDEN;
    case EBUSY: return HONE_STATUS_LIMIT;
    default: return HONE_STATUS_UNSUPPORTED;
    }
}

uint32_t hone_thread_cpus_allowed_count(void) {
    hone_cpu_set set;
    uint32_t count = hone_cpu_set_affinity(&set) == HONE_OK ? hone_cpu_set_count(&set) : 0;
    return count > 0 ? count : 1;
}

uint32_t hone_thread_cpu_allowed(uint32_t index) {
    hone_cpu_set set;
    uint32_t count = hone_cpu_set_affinity(&set) == HONE_OK ? hone_cpu_set_count(&set) : 0;
    if (count == 0) {
        return 0;
    }
    uint32_t cpu = hone_cpu_set_next(&set, 0);
    for (uint32_t left = index % count; left > 0; left--) {
        cpu = hone_cpu_set_next(&set, cpu + 1);
    }
    return cpu;
}

uint32_t hone_thread_cpu(void) {
    int cpu = sched_getcpu();
    return cpu < 0 ? 0 : (uint32_t)cpu;
}

hone_status hone_thread_leave_cpu(void) {
    hone_cpu_set allowed, others = {{0}};
    if (hone_cpu_set_affinity(&allowed) != HONE_OK) {
        return HONE_STATUS_FORBIDDEN;
    }
    uint32_t cpu = hone_thread_cpu();
    for (uint32_t each = hone_cpu_set_next(&allowed, 0); each < HONE_CPUS_MAX;
         each = hone_cpu_set_next(&allowed, each + 1)) {
        if (each != cpu) {
            hone_cpu_set_add(&others, each);
        }
    }
    /* without any other it is the empty set, which is ABSENT */
    hone_status status = hone_thread_pin_set(&others);
    if (status == HONE_OK && hone_thread_pin_set(&allowed) != HONE_OK) {
        status = hone_thread_pin_set(&allowed); /* once more: what is left is worse than nothing */
    }
    return status;
}

void hone_mutex_init(hone_mutex *mutex) {
    (void)pthread_mutex_init(&mutex->handle, NULL);
}

void hone_mutex_deinit(hone_mutex *mutex) {
    (void)pthread_mutex_destroy(&mutex->handle);
}

void hone_mutex_lock(hone_mutex *mutex) {
    (void)pthread_mutex_lock(&mutex->handle);
}

bool hone_mutex_try_lock(hone_mutex *mutex) {
    return pthread_mutex_trylock(&mutex->handle) == 0;
}

void hone_mutex_unlock(hone_mutex *mutex) {
    (void)pthread_mutex_unlock(&mutex->handle);
}

void hone_rwlock_init(hone_rwlock *lock) {
    pthread_rwlockattr_t attributes;
    (void)pthread_rwlockattr_init(&attributes);
#ifdef __GLIBC__
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    (void)pthread_rwlock_init(&lock->handle, &attributes);
    (void)pthread_rwlockattr_destroy(&attributes);
}

void hone_rwlock_deinit(hone_rwlock *lock) {
    (void)pthread_rwlock_destroy(&lock->handle);
}

void hone_rwlock_lock_shared(hone_rwlock *lock) {
    (void)pthread_rwlock_rdlock(&lock->handle);
}

void hone_rwlock_unlock_shared(hone_rwlock *lock) {
    (void)pthread_rwlock_unlock(&lock->handle);
}

void hone_rwlock_lock(hone_rwlock *lock) {
    (void)pthread_rwlock_wrlock(&lock->handle);
}

void hone_rwlock_unlock(hone_rwlock *lock) {
    (void)pthread_rwlock_unlock(&lock->handle);
}

static void futex_wait(_Atomic uint32_t *word, int operation, uint32_t expected,
                       uint64_t timeout_ns) {
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    (void)syscall(SYS_futex, word, operation, expected, timeout_ns == UINT64_MAX ? NULL : &timeout,
                  NULL, 0);
}

void hone_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
    futex_wait(word, FUTEX_WAIT_PRIVATE, expected, timeout_ns);
}

void hone_futex_wake(_Atomic uint32_t *word, uint32_t count) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void hone_futex_wait_shared(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
    futex_wait(word, FUTEX_WAIT, expected, timeout_ns);
}

void hone_futex_wake_shared(_Atomic uint32_t *word, uint32_t count) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

void hone_thread_yield(void) {
    (void)sched_yield();
}

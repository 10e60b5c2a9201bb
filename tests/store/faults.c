/* Makes the disk fail: counts writes and syncs of the store's files and does something to the one that is asked for.

   FAULT_AT     which call, from 1 on; 0 for none
   FAULT_FOR    how many calls in a row (1)
   FAULT_ERRNO  what they report; 0 kills the process instead, TORN=1 after half of the write has been done
   FAULT_COUNT  a file that gets the number of calls when the process ends */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long calls, fault_at, fault_for = 1;
static int fault_errno, torn;
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate64)(int, off64_t);

__attribute__((constructor)) static void start(void) {
    real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_write = dlsym(RTLD_NEXT, "write");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate64 = dlsym(RTLD_NEXT, "ftruncate64");
    const char *text;
    if ((text = getenv("FAULT_AT"))) fault_at = atol(text);
    if ((text = getenv("FAULT_FOR"))) fault_for = atol(text);
    if ((text = getenv("FAULT_ERRNO"))) fault_errno = atoi(text);
    if ((text = getenv("TORN"))) torn = atoi(text);
}

__attribute__((destructor)) static void end(void) {
    const char *name = getenv("FAULT_COUNT");
    FILE *file = name ? fopen(name, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", calls);
        fclose(file);
    }
}

static int ours(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, "messages.db") != NULL;
}

/* 0 to go on, 1 to fail, 2 to write half and be killed */
static int judge(int fd) {
    if (!ours(fd)) return 0;
    long call = __sync_add_and_fetch(&calls, 1);
    if (!fault_at || call < fault_at || call >= fault_at + fault_for) return 0;
    if (fault_errno) return 1;
    if (torn) return 2;
    kill(getpid(), SIGKILL);
    pause();
    return 1;
}

#define GUARD(fd, half) \
    switch (judge(fd)) { \
    case 1: errno = fault_errno; return -1; \
    case 2: half; kill(getpid(), SIGKILL); pause(); \
    }

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    GUARD(fd, (void)!real_pwrite64(fd, data, size / 2, at));
    return real_pwrite64(fd, data, size, at);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    GUARD(fd, (void)!real_pwrite(fd, data, size / 2, at));
    return real_pwrite(fd, data, size, at);
}
ssize_t write(int fd, const void *data, size_t size) {
    GUARD(fd, (void)!real_write(fd, data, size / 2));
    return real_write(fd, data, size);
}
int fsync(int fd) {
    GUARD(fd, );
    return real_fsync(fd);
}
int fdatasync(int fd) {
    GUARD(fd, );
    return real_fdatasync(fd);
}
int ftruncate64(int fd, off64_t size) {
    GUARD(fd, );
    return real_ftruncate64(fd, size);
}

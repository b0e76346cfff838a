/*
 * What a process does to the files of one directory and what it tells its clients, written down in one order: loaded into
 * Parley by LD_PRELOAD, for `parley powercut`. The names are those of POWERCUT_DIR (the directory that is watched)
 * and POWERCUT_LOG (the record). A promise is written down before it leaves, a write or a sync after it was done, so
 * that the record never says that something was safe before it was.
 *
 *   cc -O2 -shared -fPIC -o shim.so powercut-shim.c -ldl -lpthread
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The record: a header of 32 bytes in the machine's order, then `length` bytes. */
enum { OPEN = 1, WRITE, SYNC, TRUNCATE, RENAME, UNLINK, MKDIR, SAID };
struct header {
  uint32_t op, length;
  uint64_t file, offset, flags;
};
#define CREATED 1
#define EMPTIED 2
#define DIRECTORY 4

#define FDS 65536
static uint64_t inode_of[FDS]; /* 0: not one of ours */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static char watched[4096];
static size_t watched_length;

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static ssize_t (*real_sendmsg)(int, const struct msghdr *, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_mkdir)(const char *, mode_t);

__attribute__((constructor)) static void begin(void) {
  real_open = dlsym(RTLD_NEXT, "open");
  real_close = dlsym(RTLD_NEXT, "close");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwritev = dlsym(RTLD_NEXT, "pwritev");
  real_sendmsg = dlsym(RTLD_NEXT, "sendmsg");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
  real_rename = dlsym(RTLD_NEXT, "rename");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  real_mkdir = dlsym(RTLD_NEXT, "mkdir");
  const char *directory = getenv("POWERCUT_DIR"), *log = getenv("POWERCUT_LOG");
  if (!directory || !log) return;
  strncpy(watched, directory, sizeof watched - 1);
  watched_length = strlen(watched);
  int low = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (low < 0) abort();
  /* Out of the way of numbers that a program may choose for itself. */
  record = fcntl(low, F_DUPFD_CLOEXEC, 900);
  real_close(low);
}

static int is_ours(const char *path) {
  return record >= 0 && strncmp(path, watched, watched_length) == 0 &&
         (path[watched_length] == '/' || path[watched_length] == 0);
}

static void note(uint32_t op, uint64_t file, uint64_t offset, uint64_t flags, const struct iovec *parts, int count,
                 size_t length) {
  struct header header = {op, (uint32_t)length, file, offset, flags};
  struct iovec all[66] = {{&header, sizeof header}};
  int used = 1;
  for (int i = 0; i < count && length > 0 && used < 66; i++) {
    size_t take = parts[i].iov_len < length ? parts[i].iov_len : length;
    all[used].iov_base = parts[i].iov_base;
    all[used++].iov_len = take;
    length -= take;
  }
  /* A record with a hole would prove nothing. */
  if (length > 0 || syscall(SYS_writev, record, all, used) < (ssize_t)sizeof header) abort();
}

static void note_text(uint32_t op, uint64_t file, uint64_t flags, const char *text) {
  struct iovec part = {(void *)text, strlen(text)};
  note(op, file, 0, flags, &part, 1, part.iov_len);
}

/* The file's number, or 0. Some close by the bare system call, so a descriptor may be another thing by now: ask. */
static uint64_t ours(int fd) {
  struct stat facts;
  if (record < 0 || fd < 0 || fd >= FDS || !inode_of[fd]) return 0;
  if (fstat(fd, &facts) == 0 && facts.st_ino == inode_of[fd] && (S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode)))
    return inode_of[fd];
  return inode_of[fd] = 0;
}

/* ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────── */

static int opened(const char *path, int flags, mode_t mode) {
  if (!is_ours(path)) return real_open(path, flags, mode);
  pthread_mutex_lock(&lock);
  struct stat before, after;
  int was_there = stat(path, &before) == 0;
  int fd = real_open(path, flags, mode), error = errno;
  if (fd >= 0 && fd < FDS && fstat(fd, &after) == 0) {
    uint64_t what = (was_there ? 0 : CREATED) | ((flags & O_TRUNC) && was_there ? EMPTIED : 0) |
                    (S_ISDIR(after.st_mode) ? DIRECTORY : 0);
    inode_of[fd] = after.st_ino;
    note_text(OPEN, after.st_ino, what, path);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

#define OPENER(name)                                                                                                   \
  int name(const char *path, int flags, ...) {                                                                         \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    mode_t mode = mode_of(flags, rest);                                                                                \
    va_end(rest);                                                                                                      \
    return opened(path, flags, mode);                                                                                  \
  }
OPENER(open)
OPENER(open64)

int close(int fd) {
  if (!ours(fd)) return real_close(fd);
  pthread_mutex_lock(&lock);
  inode_of[fd] = 0;
  int answer = real_close(fd);
  pthread_mutex_unlock(&lock);
  return answer;
}

int rename(const char *from, const char *to) {
  if (!is_ours(from) && !is_ours(to)) return real_rename(from, to);
  pthread_mutex_lock(&lock);
  int answer = real_rename(from, to), error = errno;
  if (answer == 0) {
    struct iovec parts[3] = {{(void *)from, strlen(from)}, {"\n", 1}, {(void *)to, strlen(to)}};
    note(RENAME, 0, 0, 0, parts, 3, parts[0].iov_len + 1 + parts[2].iov_len);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return answer;
}

int unlink(const char *path) {
  if (!is_ours(path)) return real_unlink(path);
  pthread_mutex_lock(&lock);
  int answer = real_unlink(path), error = errno;
  if (answer == 0) note_text(UNLINK, 0, 0, path);
  pthread_mutex_unlock(&lock);
  errno = error;
  return answer;
}

int mkdir(const char *path, mode_t mode) {
  if (!is_ours(path)) return real_mkdir(path, mode);
  pthread_mutex_lock(&lock);
  int answer = real_mkdir(path, mode), error = errno;
  if (answer == 0) note_text(MKDIR, 0, 0, path);
  pthread_mutex_unlock(&lock);
  errno = error;
  return answer;
}

/* ── what is written, and what is said ─────────────────────────────────────────────────────────────────────────── */

/* Bytes that leave for a client on the network: the port that it speaks from tells which one. */
static void said(int fd, const struct iovec *parts, int count) {
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0) return;
  uint16_t port = peer.ss_family == AF_INET    ? ((struct sockaddr_in *)&peer)->sin_port
                  : peer.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&peer)->sin6_port
                                               : 0;
  if (port == 0) return;
  size_t all = 0;
  for (int i = 0; i < count; i++) all += parts[i].iov_len;
  pthread_mutex_lock(&lock);
  note(SAID, ntohs(port), 0, 0, parts, count, all < 64 ? all : 64);
  pthread_mutex_unlock(&lock);
}

static int is_socket(int fd) {
  struct stat facts;
  return record >= 0 && fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  uint64_t file = ours(fd);
  if (!file) {
    if (is_socket(fd)) said(fd, parts, count);
    return real_writev(fd, parts, count);
  }
  pthread_mutex_lock(&lock);
  off_t at = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
  ssize_t done = real_writev(fd, parts, count);
  int error = errno;
  if (done > 0) note(WRITE, file, at, 0, parts, count, done);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  uint64_t file = ours(fd);
  if (!file) return real_pwritev(fd, parts, count, at);
  pthread_mutex_lock(&lock);
  ssize_t done = real_pwritev(fd, parts, count, at);
  int error = errno;
  if (done > 0) note(WRITE, file, at, 0, parts, count, done);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return pwritev(fd, parts, count, at); }

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec part = {(void *)bytes, length};
  if (ours(fd)) return writev(fd, &part, 1);
  if (is_socket(fd)) said(fd, &part, 1);
  return real_write(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  struct iovec part = {(void *)bytes, length};
  return ours(fd) ? pwritev(fd, &part, 1, at) : real_pwrite(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return pwrite(fd, bytes, length, at); }

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  if (record >= 0) said(fd, message->msg_iov, (int)message->msg_iovlen);
  return real_sendmsg(fd, message, flags);
}

static int synced(int fd, int (*really)(int)) {
  uint64_t file = ours(fd);
  if (!file) return really(fd);
  /* Nobody may write while the disk works: what came after the sync began would not be sure to be safe. */
  pthread_mutex_lock(&lock);
  int answer = really(fd), error = errno;
  if (answer == 0) note(SYNC, file, 0, 0, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return answer;
}
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

int ftruncate(int fd, off_t length) {
  uint64_t file = ours(fd);
  if (!file) return real_ftruncate(fd, length);
  pthread_mutex_lock(&lock);
  int answer = real_ftruncate(fd, length), error = errno;
  if (answer == 0) note(TRUNCATE, file, length, 0, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return answer;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

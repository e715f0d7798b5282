/* Open flags, positions, sizes, and what happens to files without a name. */
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int make(const char *path, const char *text) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
  CHECK(fd >= 0);
  CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  return fd;
}

static off_t size_of(const char *path) {
  struct stat st;
  CHECK(stat(path, &st) == 0);
  return st.st_size;
}

static void flags(void) {
  char buffer[16];
  int fd = make("flags", "0123456789");
  CHECK(close(fd) == 0);
  FAILS(close(fd), EBADF);
  FAILS(open("flags", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
  FAILS(open("flags", O_RDONLY | O_DIRECTORY), ENOTDIR);
  FAILS(open("flags/", O_RDONLY), ENOTDIR);
  FAILS(open("none", O_RDONLY), ENOENT);
  FAILS(open(".", O_WRONLY), EISDIR);

  CHECK((fd = open("flags", O_RDONLY)) >= 0);
  FAILS(write(fd, "x", 1), EBADF);
  FAILS(ftruncate(fd, 0), EBADF);
  CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
  CHECK(close(fd) == 0);

  CHECK((fd = open("flags", O_WRONLY)) >= 0);
  FAILS(read(fd, buffer, 1), EBADF);
  CHECK(close(fd) == 0);

  CHECK((fd = open("flags", O_WRONLY | O_APPEND)) >= 0);
  CHECK(fcntl(fd, F_GETFL) & O_APPEND);
  CHECK(lseek(fd, 0, SEEK_SET) == 0);
  CHECK(write(fd, "ab", 2) == 2);
  CHECK(lseek(fd, 0, SEEK_CUR) == 12);
  CHECK(fcntl(fd, F_SETFL, 0) == 0);
  CHECK(lseek(fd, 0, SEEK_SET) == 0);
  CHECK(write(fd, "AB", 2) == 2);
  CHECK(close(fd) == 0);
  CHECK((fd = open("flags", O_RDONLY)) >= 0);
  CHECK(read(fd, buffer, 16) == 12 && memcmp(buffer, "AB23456789ab", 12) == 0);
  CHECK(read(fd, buffer, 16) == 0);
  CHECK(close(fd) == 0);

  CHECK((fd = open("flags", O_RDWR | O_TRUNC)) >= 0);
  CHECK(size_of("flags") == 0);
  CHECK(close(fd) == 0);
}

static void positions(void) {
  char buffer[16] = {0};
  int fd = make("positions", "0123456789");
  CHECK(lseek(fd, -3, SEEK_END) == 7);
  CHECK(read(fd, buffer, 2) == 2 && memcmp(buffer, "78", 2) == 0);
  CHECK(lseek(fd, -1, SEEK_CUR) == 8);
  FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
  FAILS(lseek(fd, 0, 9), EINVAL);
  CHECK(pread(fd, buffer, 4, 2) == 4 && memcmp(buffer, "2345", 4) == 0);
  CHECK(pwrite(fd, "xy", 2, 4) == 2);
  CHECK(lseek(fd, 0, SEEK_CUR) == 8);
  CHECK(pread(fd, buffer, 4, 100) == 0);

#ifndef ADAPTER
  struct iovec parts[3] = {{buffer, 3}, {buffer + 8, 0}, {buffer + 10, 4}};
  CHECK(lseek(fd, 1, SEEK_SET) == 1);
  CHECK(readv(fd, parts, 3) == 7);
  CHECK(memcmp(buffer, "123", 3) == 0 && memcmp(buffer + 10, "xy67", 4) == 0);
  CHECK(writev(fd, parts, 3) == 7);
  CHECK(size_of("positions") == 15);
#endif
  CHECK(close(fd) == 0);
}

static void sizes(void) {
  char buffer[8192];
  int fd = make("sizes", "abc");
  CHECK(ftruncate(fd, 8192) == 0);
  CHECK(pread(fd, buffer, sizeof buffer, 0) == sizeof buffer);
  CHECK(memcmp(buffer, "abc", 4) == 0 && buffer[8191] == 0);
  CHECK(ftruncate(fd, 2) == 0);
  CHECK(ftruncate(fd, 4) == 0);
  CHECK(pread(fd, buffer, sizeof buffer, 0) == 4 && memcmp(buffer, "ab\0\0", 4) == 0);
  CHECK(pwrite(fd, "z", 1, 3000000) == 1);
  CHECK(size_of("sizes") == 3000001);
  CHECK(pread(fd, buffer, 100, 1000000) == 100 && buffer[0] == 0 && buffer[99] == 0);
  CHECK(pread(fd, buffer, 100, 0) == 100 && memcmp(buffer, "ab", 3) == 0);
  FAILS(pwrite(fd, "z", 1, (off_t)1 << 62), EFBIG);
  FAILS(ftruncate(fd, (off_t)1 << 62), EFBIG);
  FAILS(ftruncate(fd, -1), EINVAL);
#ifndef ADAPTER
  CHECK(posix_fallocate(fd, 3000000, 1000) == 0);
  CHECK(size_of("sizes") == 3001000);
  CHECK(posix_fallocate(fd, 0, 10) == 0);
  CHECK(size_of("sizes") == 3001000);
#endif
  CHECK(posix_fadvise(fd, 0, 100, POSIX_FADV_SEQUENTIAL) == 0);
  CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
  CHECK(ftruncate(fd, 5) == 0);
  CHECK(close(fd) == 0);
}

static void nameless(void) {
  char buffer[8] = {0};
  struct stat st;
  int fd = make("nameless", "still");
  CHECK(unlink("nameless") == 0);
  FAILS(stat("nameless", &st), ENOENT);
  CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 5);
  CHECK(pwrite(fd, "!", 1, 5) == 1);
  CHECK(pread(fd, buffer, 8, 0) == 6 && memcmp(buffer, "still!", 6) == 0);
  CHECK(close(fd) == 0);
}

/* The mounted file is changed in place; what it was before is nobody else's concern. */
static void mounted(void) {
  char buffer[8] = {0};
  int reader = open("mounted.txt", O_RDONLY);
  int writer = open("mounted.txt", O_WRONLY);
  CHECK(reader >= 0 && writer >= 0);
  CHECK(read(reader, buffer, 2) == 2 && memcmp(buffer, "mo", 2) == 0);
  CHECK(pwrite(writer, "UNT", 3, 2) == 3);
  CHECK(read(reader, buffer, 5) == 5 && memcmp(buffer, "UNTed", 5) == 0);
  CHECK(close(reader) == 0 && close(writer) == 0);
}

int main(void) {
  flags();
  positions();
  sizes();
  nameless();
  mounted();
  return passed();
}

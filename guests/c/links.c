/* Symbolic and hard links, and what stat says of them. */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static void symbolic(void) {
  char target[64];
  struct stat st;
  CHECK(symlink("real.txt", "link") == 0);
  FAILS(symlink("other", "link"), EEXIST);
  FAILS(symlink("", "nothing"), ENOENT);
  FAILS(stat("link", &st), ENOENT);
  CHECK(lstat("link", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 8);
  CHECK(readlink("link", target, sizeof target) == 8 && memcmp(target, "real.txt", 8) == 0);
  CHECK(readlink("link", target, 3) == 3);

  int fd = open("link", O_WRONLY | O_CREAT, 0666);
  CHECK(fd >= 0 && write(fd, "through", 7) == 7 && close(fd) == 0);
  CHECK(stat("real.txt", &st) == 0 && st.st_size == 7);
  FAILS(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
  FAILS(open("link", O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST);
  FAILS(readlink("real.txt", target, sizeof target), EINVAL);

  CHECK(mkdir("dir", 0777) == 0 && symlink("dir", "dirlink") == 0);
  CHECK(symlink("../real.txt", "dir/up") == 0);
  CHECK(stat("dirlink/up", &st) == 0 && st.st_size == 7);
  CHECK(lstat("dirlink/", &st) == 0 && S_ISDIR(st.st_mode));
  FAILS(rmdir("dirlink"), ENOTDIR);
  CHECK(rename("dirlink", "renamed") == 0);
  CHECK(lstat("renamed", &st) == 0 && S_ISLNK(st.st_mode));
  CHECK(unlink("renamed") == 0 && stat("dir/up", &st) == 0);
}

static void loops(void) {
  struct stat st;
  char from[16], to[16];
  CHECK(symlink("self", "self") == 0);
  FAILS(stat("self", &st), ELOOP);
  FAILS(open("self/x", O_RDONLY), ELOOP);
  CHECK(lstat("self", &st) == 0);
  CHECK(symlink("pong", "ping") == 0 && symlink("ping", "pong") == 0);
  FAILS(open("ping", O_WRONLY | O_CREAT, 0666), ELOOP);
  for (int i = 0; i < 41; i++) {
    snprintf(from, sizeof from, "chain%d", i);
    snprintf(to, sizeof to, i == 0 ? "real.txt" : "chain%d", i - 1);
    CHECK(symlink(to, from) == 0);
  }
  CHECK(stat("chain39", &st) == 0 && st.st_size == 7);
  FAILS(stat("chain40", &st), ELOOP);
}

/* A directory that was opened cannot be left through it. */
static void escapes(void) {
  struct stat st;
  int fd = open("dir", O_RDONLY | O_DIRECTORY);
  CHECK(fd >= 0);
  CHECK(symlink("/real.txt", "dir/absolute") == 0 && stat("dir/absolute", &st) == 0);
  FAILS(openat(fd, "../real.txt", O_RDONLY), EPERM);
  FAILS(openat(fd, "up", O_RDONLY), EPERM);
  FAILS(openat(fd, "absolute", O_RDONLY), EPERM);
  FAILS(openat(fd, "../../../etc/passwd", O_RDONLY), EPERM);
  CHECK(close(fd) == 0);
  CHECK(symlink("../../etc/passwd", "out") == 0);
  FAILS(open("out", O_RDONLY), EPERM);
  CHECK(symlink("/etc/passwd", "out2") == 0);
  FAILS(open("out2", O_RDONLY), ENOENT);
  FAILS(open("mounted-link", O_RDONLY), EPERM);
}

static void hard(void) {
  char buffer[16];
  struct stat a, b;
  CHECK(link("real.txt", "hard") == 0);
  CHECK(stat("real.txt", &a) == 0 && stat("hard", &b) == 0);
  CHECK(a.st_ino == b.st_ino && a.st_nlink == 2 && a.st_dev == b.st_dev);
  FAILS(link("real.txt", "hard"), EEXIST);
  FAILS(link("dir", "hard2"), EPERM);
  FAILS(link("none", "hard2"), ENOENT);
  FAILS(link("real.txt", "hard2/"), ENOENT);
  int fd = open("hard", O_WRONLY | O_APPEND);
  CHECK(fd >= 0 && write(fd, "!", 1) == 1 && close(fd) == 0);
  CHECK(unlink("real.txt") == 0);
  fd = open("hard", O_RDONLY);
  CHECK(fd >= 0 && read(fd, buffer, 16) == 8 && memcmp(buffer, "through!", 8) == 0 && close(fd) == 0);
  CHECK(stat("hard", &b) == 0 && b.st_nlink == 1);
  CHECK(symlink("hard", "soft") == 0 && linkat(AT_FDCWD, "soft", AT_FDCWD, "soft2", 0) == 0);
  CHECK(lstat("soft2", &b) == 0 && S_ISLNK(b.st_mode));
  CHECK(linkat(AT_FDCWD, "soft", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW) == 0);
  CHECK(lstat("followed", &b) == 0 && S_ISREG(b.st_mode) && b.st_ino == a.st_ino);
}

static void times(void) {
  struct stat st;
  struct timespec set[2] = {{.tv_sec = 11, .tv_nsec = 22}, {.tv_sec = 33, .tv_nsec = 44}};
  CHECK(utimensat(AT_FDCWD, "hard", set, 0) == 0);
  CHECK(stat("hard", &st) == 0 && st.st_atim.tv_sec == 11 && st.st_atim.tv_nsec == 22);
  CHECK(st.st_mtim.tv_sec == 33 && st.st_mtim.tv_nsec == 44);
  int fd = open("hard", O_RDWR);
  set[0].tv_nsec = 21;
  CHECK(fd >= 0 && futimens(fd, set) == 0 && fstat(fd, &st) == 0 && close(fd) == 0);
  CHECK(st.st_atim.tv_nsec == 21 && st.st_mtim.tv_nsec == 44);
}

int main(void) {
  symbolic();
  loops();
  escapes();
  hard();
  times();
  return passed();
}

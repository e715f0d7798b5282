/* Making, listing, renaming and removing directories. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void touch(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0666);
  CHECK(fd >= 0 && close(fd) == 0);
}

static int exists(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0;
}

static int count(const char *path) {
  DIR *dir = opendir(path);
  CHECK(dir != NULL);
  int found = 0;
  for (struct dirent *one; (one = readdir(dir)) != NULL;) {
    if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0) found++;
  }
  CHECK(closedir(dir) == 0);
  return found;
}

static void making(void) {
  char longer[300];
  CHECK(mkdir("d", 0777) == 0);
  CHECK(mkdir("d/slash/", 0777) == 0);
  FAILS(mkdir("d", 0777), EEXIST);
  FAILS(mkdir("none/e", 0777), ENOENT);
  FAILS(mkdir("mounted.txt/e", 0777), ENOTDIR);
  memset(longer, 'n', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  FAILS(mkdir(longer, 0777), ENAMETOOLONG);
  longer[255] = 0;
  CHECK(mkdir(longer, 0777) == 0 && rmdir(longer) == 0);

  struct stat st;
  CHECK(stat("d", &st) == 0 && S_ISDIR(st.st_mode));
  CHECK(stat("d/.", &st) == 0 && stat("d/slash/..", &st) == 0);
  FAILS(open("d", O_RDWR), EISDIR);
  char byte;
  int fd = open("d", O_RDONLY | O_DIRECTORY);
  CHECK(fd >= 0);
#ifdef ADAPTER
  FAILS(read(fd, &byte, 1), EBADF);
#else
  FAILS(read(fd, &byte, 1), EISDIR);
#endif
  FAILS(unlink("d"), EISDIR);
  CHECK(mkdirat(fd, "at", 0777) == 0 && exists("d/at"));
  CHECK(unlinkat(fd, "at", AT_REMOVEDIR) == 0);
  CHECK(close(fd) == 0);
}

/* Deleting while listing visits every entry once. */
static void listing(void) {
  char name[64];
  CHECK(mkdir("many", 0777) == 0);
  for (int i = 0; i < 500; i++) {
    snprintf(name, sizeof name, "many/entry-%d", i);
    touch(name);
  }
  CHECK(count("many") == 500);
  DIR *dir = opendir("many");
  CHECK(dir != NULL);
  int found = 0;
  for (struct dirent *one; (one = readdir(dir)) != NULL;) {
    if (one->d_name[0] == '.') continue;
    struct stat st;
    snprintf(name, sizeof name, "many/%s", one->d_name);
    CHECK(stat(name, &st) == 0 && st.st_ino == one->d_ino && one->d_type == DT_REG);
    CHECK(unlink(name) == 0);
    found++;
  }
  CHECK(found == 500);
  CHECK(closedir(dir) == 0);
  CHECK(count("many") == 0 && rmdir("many") == 0);
}

/* An order that a later run sees again. */
static void order(void) {
  DIR *dir = opendir("sorted");
  CHECK(dir != NULL);
  for (struct dirent *one; (one = readdir(dir)) != NULL;) printf("%s ", one->d_name);
  puts("");
  rewinddir(dir);
  struct dirent *first = readdir(dir);
  CHECK(first != NULL && strcmp(first->d_name, ".") == 0);
  CHECK(closedir(dir) == 0);
}

static void removing(void) {
  CHECK(mkdir("r", 0777) == 0 && mkdir("r/s", 0777) == 0);
  FAILS(rmdir("r"), ENOTEMPTY);
  FAILS(rmdir("r/s/."), EINVAL);
  FAILS(rmdir("r/s/.."), ENOTEMPTY);
  FAILS(rmdir("mounted.txt"), ENOTDIR);
  FAILS(rmdir("none"), ENOENT);
  FAILS(unlink("none"), ENOENT);
  FAILS(unlink("mounted.txt/"), ENOTDIR);
  int fd = open("r/s", O_RDONLY | O_DIRECTORY);
  CHECK(fd >= 0);
  CHECK(rmdir("r/s") == 0);
  FAILS(openat(fd, "x", O_WRONLY | O_CREAT, 0666), ENOENT);
  CHECK(close(fd) == 0 && rmdir("r") == 0);
}

static void renaming(void) {
  char buffer[4] = {0};
  touch("a");
  touch("b");
  CHECK(mkdir("x", 0777) == 0 && mkdir("x/y", 0777) == 0 && mkdir("empty", 0777) == 0);

  FAILS(rename("none", "a"), ENOENT);
  FAILS(rename("a", "x"), EISDIR);
  FAILS(rename("x", "a"), ENOTDIR);
  FAILS(rename("empty", "x"), ENOTEMPTY);
  FAILS(rename("x", "x/y/z"), EINVAL);
  FAILS(rename("x/y", "x"), ENOTEMPTY);
  FAILS(rename("a", "new/"), ENOTDIR);
  FAILS(rename("a", "none/a"), ENOENT);

  int fd = open("a", O_RDWR);
  CHECK(fd >= 0 && write(fd, "A", 1) == 1);
  int replaced = open("b", O_RDWR);
  CHECK(replaced >= 0 && write(replaced, "B", 1) == 1);
  CHECK(rename("a", "b") == 0 && !exists("a"));
  CHECK(pread(fd, buffer, 4, 0) == 1 && buffer[0] == 'A');
  CHECK(pread(replaced, buffer, 4, 0) == 1 && buffer[0] == 'B');
  CHECK(close(fd) == 0 && close(replaced) == 0);

  CHECK(rename("x", "empty") == 0 && exists("empty/y") && !exists("x"));
  CHECK(rename("empty/y", "y/") == 0);
  CHECK(rename("b", "y/b") == 0 && rename("y/b", "y/b") == 0);
  CHECK(link("y/b", "y/c") == 0 && rename("y/b", "y/c") == 0 && exists("y/b") && exists("y/c"));
  CHECK(rename("tree/below", "moved") == 0 && exists("moved/leaf.txt") && !exists("tree/below"));
}

static void working_directory(void) {
  char path[64];
  CHECK(getcwd(path, sizeof path) != NULL && strcmp(path, "/") == 0);
  CHECK(chdir("y") == 0 && exists("b") && exists("/y/b") && exists("../y/b"));
  CHECK(chdir("/") == 0);
}

int main(void) {
  making();
  listing();
  order();
  removing();
  renaming();
  working_directory();
  return passed();
}

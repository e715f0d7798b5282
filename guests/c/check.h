/* What each test program ends with: "ok" on stdout and status 0, or the first check that failed and status 1. */
#pragma once
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                        \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      printf("%s:%d: %s (errno %d, %s)\n", __FILE_NAME__, __LINE__, #condition, errno, strerror(errno)); \
      exit(1);                                                                                  \
    }                                                                                           \
  } while (0)

/* The call fails with this errno. */
#define FAILS(call, expected)                                                                   \
  do {                                                                                          \
    errno = 0;                                                                                  \
    long result_ = (long)(call);                                                                \
    if (result_ != -1 && result_ != 0) {                                                        \
      printf("%s:%d: %s gave %ld\n", __FILE_NAME__, __LINE__, #call, result_);                  \
      exit(1);                                                                                  \
    }                                                                                           \
    if (errno != (expected)) {                                                                  \
      printf("%s:%d: %s: errno %d (%s), not %s\n", __FILE_NAME__, __LINE__, #call, errno, strerror(errno), #expected); \
      exit(1);                                                                                  \
    }                                                                                           \
  } while (0)

static inline int passed(void) {
  puts("ok");
  return 0;
}

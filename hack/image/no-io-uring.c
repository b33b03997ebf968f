/*
 * Preloaded into what shall be dumped: criu cannot dump a process that uses io_uring, which the event loop of Node.js does where it
 * can. To such a process this says that the kernel has no io_uring (io_uring_setup: ENOSYS); every other system call is made
 * as the C library's syscall(2) does, which this stands in for.
 */
extern int *__errno_location(void);

enum { enosys = 38, io_uring_setup = 425 };

static long call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  register long fourth __asm__("r10") = d, fifth __asm__("r8") = e, sixth __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "no system calls for this architecture yet"
#endif
}

long syscall(long number, long a, long b, long c, long d, long e, long f) {
  long result = number == io_uring_setup ? -enosys : call(number, a, b, c, d, e, f);
  if (result < 0 && result > -4096) {
    *__errno_location() = (int)-result;
    return -1;
  }
  return result;
}

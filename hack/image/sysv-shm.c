/*
 * Preloaded into what shall be dumped: criu dumps shared memory of System V only together with the IPC namespace that it lives in,
 * which takes SYS_ADMIN. PostgreSQL has a few bytes of it, to know whether an earlier server still runs. Here shmget(2) and its
 * kin are files of /dev/shm, which lies on the volume of a workspace with process images: a segment is /dev/shm/sysv-ID, whose first
 * page says what it is.
 *
 * What differs: a segment is of this container alone; one that was removed cannot be attached any more; SHM_LOCK, SHM_HUGETLB and
 * the times are not there. No C library is needed but for errno, so it fits any.
 */
typedef unsigned long size_t;
extern int *__errno_location(void);

enum { page = 4096, creates = 01000, excludes = 02000, readOnly = 010000, fixed = 040000, openFor = 02 | 02000000 };
enum { removes = 0, sets = 1, describes = 2, noEntry = 2, exists = 17, invalid = 22, noSpace = 28, noCall = 38 };
enum { folderWords = 02200000, listed = 32 };

#if defined(__x86_64__)
enum { sysRead = 0, sysClose = 3, sysMmap = 9, sysMunmap = 11, sysPwrite = 18, sysPread = 17, sysGetpid = 39, sysGetuid = 102 };
enum { sysFtruncate = 77, sysGetdents = 217, sysOpenat = 257, sysUnlinkat = 263 };
static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long fourth __asm__("r10") = d, fifth __asm__("r8") = e, sixth __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum { sysRead = 63, sysClose = 57, sysMmap = 222, sysMunmap = 215, sysPwrite = 68, sysPread = 67, sysGetpid = 172, sysGetuid = 174 };
enum { sysFtruncate = 46, sysGetdents = 61, sysOpenat = 56, sysUnlinkat = 35 };
static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "no system calls for this architecture yet"
#endif

/* The first page of a segment. */
struct head {
  long size;
  int key, mode, creator, id;
};

/* As the kernel's shmid64_ds, which is also the C library's. */
struct description {
  int key;
  unsigned uid, gid, creatorUid, creatorGid, mode;
  unsigned short sequence, pad;
  unsigned long unused[2];
  size_t size;
  long attached, detached, changed;
  int creator, last;
  unsigned long count, more[2];
};

struct path {
  char text[32];
};

/* What this process has attached, for shmdt. A child has the same. */
static struct {
  char *at;
  long size;
} attachments[listed];

static long failed(int why) {
  *__errno_location() = why;
  return -1;
}

static struct path pathOf(int id) {
  struct path path = {"/dev/shm/sysv-00000000"};
  for (int at = 21; at > 13; at--, id = (int)((unsigned)id >> 4)) path.text[at] = "0123456789abcdef"[id & 15];
  return path;
}

static long openSegment(int id, int how) {
  struct path path = pathOf(id);
  return call(sysOpenat, -100, (long)path.text, openFor | how, 0600, 0, 0);
}

static void closeSegment(long file) { call(sysClose, file, 0, 0, 0, 0, 0); }

/* Zero where it is one. */
static int readHead(int id, struct head *head) {
  long file = openSegment(id, 0);
  if (file < 0) return invalid;
  long got = call(sysPread, file, (long)head, sizeof *head, 0, 0, 0);
  closeSegment(file);
  return got == sizeof *head && head->id == id ? 0 : invalid;
}

int shmget(int key, size_t size, int flags) {
  enum { create = 0100, exclusive = 0200 };
  /* Who has a key finds the segment by it; others get the next free number. */
  int id = key & 0x7fffffff;
  if (key == 0 || id == 0) id = 0x40000000 ^ (int)(call(sysGetpid, 0, 0, 0, 0, 0, 0) << 8);
  struct head head;
  if (key != 0 && readHead(id, &head) == 0) {
    if ((flags & creates) && (flags & excludes)) return failed(exists);
    return size > (size_t)head.size ? failed(invalid) : id;
  }
  if (key != 0 && !(flags & creates)) return failed(noEntry);
  if (size == 0) return failed(invalid);
  long file = openSegment(id, create | exclusive);
  while (file == -exists && key == 0) file = openSegment(++id, create | exclusive);
  if (file < 0) return failed(-(int)file);
  head = (struct head){(long)size, key, flags & 0777, (int)call(sysGetpid, 0, 0, 0, 0, 0, 0), id};
  long sized = call(sysFtruncate, file, page + (long)size, 0, 0, 0, 0);
  long written = sized < 0 ? sized : call(sysPwrite, file, (long)&head, sizeof head, 0, 0, 0);
  closeSegment(file);
  return written == sizeof head ? id : failed(noSpace);
}

void *shmat(int id, const void *where, int flags) {
  struct head head;
  int slot = 0;
  while (slot < listed && attachments[slot].at != 0) slot++;
  if (readHead(id, &head) != 0 || slot == listed) return (void *)failed(invalid);
  long file = openSegment(id, 0);
  long at = call(sysMmap, (long)where, head.size, flags & readOnly ? 1 : 3, 1 | (flags & fixed ? 16 : where ? 0x100000 : 0), file, page);
  if (file >= 0) closeSegment(file);
  if (at < 0 && at > -4096) return (void *)failed(invalid);
  attachments[slot].at = (char *)at;
  attachments[slot].size = head.size;
  return (void *)at;
}

int shmdt(const void *where) {
  for (int slot = 0; slot < listed; slot++) {
    if (attachments[slot].at == 0 || attachments[slot].at != where) continue;
    call(sysMunmap, (long)where, attachments[slot].size, 0, 0, 0, 0);
    attachments[slot].at = 0;
    return 0;
  }
  return failed(invalid);
}

/* Whether the memory map of a process names the segment. */
static int maps(const char *process, const char *segment) {
  char name[40] = "/proc/", window[4096 + 32];
  int length = 6;
  for (const char *digit = process; *digit && length < 30; digit++) name[length++] = *digit;
  for (const char *rest = "/maps"; *rest; rest++) name[length++] = *rest;
  name[length] = 0;
  long file = call(sysOpenat, -100, (long)name, 02000000, 0, 0, 0), held = 0, got, found = 0;
  if (file < 0) return 0;
  while (!found && (got = call(sysRead, file, (long)(window + held), 4096, 0, 0, 0)) > 0) {
    long end = held + got;
    for (long at = 0; at < end && !found; at++) {
      int same = 0;
      while (segment[same] && at + same < end && window[at + same] == segment[same]) same++;
      found = segment[same] == 0;
    }
    held = end < 31 ? end : 31;
    for (long at = 0; at < held; at++) window[at] = window[end - held + at];
  }
  closeSegment(file);
  return (int)found;
}

/* How many processes have it attached. */
static unsigned long countOf(int id) {
  struct path segment = pathOf(id);
  char entries[4096];
  unsigned long count = 0;
  long folder = call(sysOpenat, -100, (long)"/proc", folderWords, 0, 0, 0), got;
  if (folder < 0) return 0;
  while ((got = call(sysGetdents, folder, (long)entries, sizeof entries, 0, 0, 0)) > 0)
    for (long at = 0; at < got; at += *(unsigned short *)(entries + at + 16)) {
      const char *name = entries + at + 19;
      if (*name >= '0' && *name <= '9') count += maps(name, segment.text);
    }
  closeSegment(folder);
  return count;
}

int shmctl(int id, int what, struct description *into) {
  struct head head;
  if (readHead(id, &head) != 0) return failed(invalid);
  if (what == removes) {
    struct path path = pathOf(id);
    call(sysUnlinkat, -100, (long)path.text, 0, 0, 0, 0);
    return 0;
  }
  if (what == sets) return 0;
  if (what != describes) return failed(noCall);
  unsigned uid = (unsigned)call(sysGetuid, 0, 0, 0, 0, 0, 0);
  *into = (struct description){.key = head.key, .uid = uid, .creatorUid = uid, .gid = uid, .creatorGid = uid};
  into->mode = (unsigned)head.mode;
  into->size = (size_t)head.size;
  into->creator = into->last = head.creator;
  into->count = countOf(id);
  return 0;
}

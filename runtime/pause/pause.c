/*
 * The program that keeps a pod's namespaces: it waits for SIGINT or SIGTERM and reaps orphans where the pod shares one
 * PID namespace. Without libc, so that it is about a kilobyte and builds with any compiler for Linux (see ../build.rs).
 *
 * The signals stay blocked and are taken one by one: a blocked signal is delivered even to process 1, which ignores
 * signals without a handler, and no handler means no signal trampoline to write per architecture.
 */

enum { SIGNAL_INT = 2, SIGNAL_TERM = 15, SIGNAL_CHLD = 17, NO_HANG = 1, BLOCK = 0, SET_BYTES = 8 };

#if defined(__x86_64__)
enum { SYS_wait4 = 61, SYS_exit_group = 231, SYS_rt_sigprocmask = 14, SYS_rt_sigtimedwait = 128 };
static long call(long number, long a, long b, long c, long d) {
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n and $-16, %rsp\n call run\n");
#elif defined(__aarch64__)
enum { SYS_wait4 = 260, SYS_exit_group = 94, SYS_rt_sigprocmask = 135, SYS_rt_sigtimedwait = 137 };
static long call(long number, long a, long b, long c, long d) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
__asm__(".globl _start\n_start:\n bl run\n");
#else
#error "the pause program knows the system calls of x86_64 and aarch64 only"
#endif

#define BIT(signal) (1UL << ((signal) - 1))

__attribute__((noreturn, used)) void run(void) {
    unsigned long set = BIT(SIGNAL_INT) | BIT(SIGNAL_TERM) | BIT(SIGNAL_CHLD);
    call(SYS_rt_sigprocmask, BLOCK, (long)&set, 0, SET_BYTES);
    for (;;) {
        long signal = call(SYS_rt_sigtimedwait, (long)&set, 0, 0, SET_BYTES);
        if (signal == SIGNAL_CHLD) {
            while (call(SYS_wait4, -1, 0, NO_HANG, 0) > 0) {
            }
        } else if (signal > 0) {
            for (;;) {
                call(SYS_exit_group, 0, 0, 0, 0);
            }
        }
    }
}

/* Starts a program on QEMU's boards mps2-an386 (Cortex-M4) and mps2-an500 (Cortex-M7); newlib's semihosting does the rest. */
#include <stdint.h>

extern void _start(void);

static void reset(void)
{
  volatile uint32_t *access = (volatile uint32_t *)0xE000ED88u;
  volatile uint32_t *timer = (volatile uint32_t *)0x40000000u;
  *access |= 0xFu << 20; /* the floating-point unit */
  timer[2] = 0xFFFFFFFFu;
  timer[1] = 0xFFFFFFFFu;
  timer[0] = 1u;
  _start();
}

static void fault(void)
{
  for (;;) __asm__ volatile("bkpt 0xAB" : : "r"(0)); /* QEMU ends with an error */
}

/* Ticks of 25 MHz since the start; with -icount shift=0 an instruction takes a nanosecond. */
uint32_t ticks(void)
{
  return 0xFFFFFFFFu - ((volatile uint32_t *)0x40000000u)[1];
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))0x20400000u, reset, fault, fault, fault, fault, fault,
};

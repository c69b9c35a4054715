/**
 * A system call filter for confined commands, as a classic BPF program (Linux
 * `Documentation/userspace-api/seccomp_filter.rst`). It refuses set-user-ID and set-group-ID bits: a file
 * with such a bit in the workspace would outlive the sandbox and run with its owner's rights for every
 * user of the machine. systemd's `RestrictSUIDSGID=` has the same rules.
 */

/** One instruction: the operation, the two jump offsets of a comparison, and the operand. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number]

/** The numbers of system calls (`asm/unistd.h`), and the indexes of their mode arguments. */
interface Machine {
  /** `AUDIT_ARCH_*` of `linux/audit.h`. */
  audit: number
  /** Calls with the index of their mode argument. */
  modes: readonly (readonly [call: number, argument: number])[]
  /** Calls whose mode applies only with `O_CREAT` in the argument before it. */
  opens: readonly (readonly [call: number, modeArgument: number])[]
}

const machines: Readonly<Record<string, Machine>> = {
  x64: {
    audit: 0xc000_003e,
    // chmod, fchmod, creat, mknod, mknodat, fchmodat, fchmodat2
    modes: [
      [90, 1],
      [91, 1],
      [85, 1],
      [133, 1],
      [259, 2],
      [268, 2],
      [452, 2],
    ],
    // open, openat
    opens: [
      [2, 2],
      [257, 3],
    ],
  },
  arm64: {
    audit: 0xc000_00b7,
    // fchmod, mknodat, fchmodat, fchmodat2
    modes: [
      [52, 1],
      [33, 2],
      [53, 2],
      [452, 2],
    ],
    // openat
    opens: [[56, 3]],
  },
}

/**
 * `io_uring_setup` and `openat2`: their modes are in memory that a filter cannot read. Programs use other
 * calls if the kernel lacks these. The numbers are the same on all processors.
 */
const absentCalls = [425, 437]

/** `S_ISUID | S_ISGID` */
const privilegeBits = 0o6000
/** `O_CREAT`, and the bit that distinguishes `O_TMPFILE`. */
const createFlags = 0o100 | 0o20000000

const allow = 0x7fff_0000
const refuse = (errno: number) => 0x0005_0000 | errno
const permissionDenied = refuse(1)
const noSuchCall = refuse(38)

// Operations of `linux/bpf_common.h`: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JSET|BPF_K, BPF_JMP|BPF_JGE|BPF_K, BPF_RET|BPF_K
const load = (offset: number): Instruction => [0x20, 0, 0, offset]
const ifEqual = (value: number, skip: number): Instruction => [0x15, 0, skip, value]
const ifSet = (bits: number, skip: number): Instruction => [0x45, 0, skip, bits]
const ifAtLeast = (value: number, skip: number): Instruction => [0x35, 0, skip, value]
const returnValue = (value: number): Instruction => [0x06, 0, 0, value]

// Offsets in `struct seccomp_data`. The lower half of an argument comes first on both processors.
const callOffset = 0
const auditOffset = 4
const argumentOffset = (index: number) => 16 + 8 * index

/** Returns the filter for a processor (`process.arch`); undefined if the processor is unsupported. */
export function privilegeFilter(processor: string): Uint8Array | undefined {
  const machine = machines[processor]
  return machine && bytesOf(programFor(machine))
}

function programFor({ audit, modes, opens }: Machine): Instruction[] {
  return [
    load(auditOffset),
    // The calls of another architecture (32-bit programs on 64 bits) have other numbers.
    ifEqual(audit, 1),
    [0x05, 0, 0, 1],
    returnValue(noSuchCall),
    load(callOffset),
    // The x32 calls of x64 begin at this number. No other call is above it.
    ifAtLeast(0x4000_0000, 1),
    returnValue(noSuchCall),
    ...absentCalls.flatMap((call) => [ifEqual(call, 1), returnValue(noSuchCall)]),
    ...modes.flatMap(([call, argument]) => [
      ifEqual(call, 4),
      load(argumentOffset(argument)),
      ifSet(privilegeBits, 1),
      returnValue(permissionDenied),
      returnValue(allow),
    ]),
    ...opens.flatMap(([call, argument]) => [
      ifEqual(call, 6),
      load(argumentOffset(argument - 1)),
      ifSet(createFlags, 3),
      load(argumentOffset(argument)),
      ifSet(privilegeBits, 1),
      returnValue(permissionDenied),
      returnValue(allow),
    ]),
    returnValue(allow),
  ]
}

/** Encodes `struct sock_filter`: 16, 8, 8 and 32 bits. Both processors are little-endian. */
function bytesOf(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(ifTrue, index * 8 + 2)
    bytes.writeUInt8(ifFalse, index * 8 + 3)
    bytes.writeUInt32LE(operand, index * 8 + 4)
  }
  return bytes
}

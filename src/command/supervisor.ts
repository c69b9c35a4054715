/**
 * The shell that stands between Loom and a command, inside the sandbox. It tells when the command has
 * ended, although what it left in the background may live on for a moment, and it ends all of it
 * when Loom is gone, killed or not: its lifeline closes then.
 */
import type { Argv } from '../sandbox/confined-program.ts'

/** In every process of a call, so that one that left its group is found. */
export const callIdVariable = 'LOOM_CALL_ID'

// $1 command, $2 call id. Limits, each or nothing: $3 processes (the letter is bash's or dash's), $4 KiB
// of data of a process, $5 units of 512 bytes of a file. A crashed process leaves no image of its memory.
// 3 is the lifeline, a socket that is told `started` and the exit code; 4 is the output.
// The supervisor itself does not carry the id, so that a sweep does not end before all are found.
const script = `
exec >/dev/null 2>&1
(
  exec 4>&-
  while read -r _ <&3; do :; done
  for file in $(grep -lF "${callIdVariable}=$2" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    kill -KILL "\${pid%/environ}"
  done
  kill -KILL 0
) &
echo started >&3
shell=bash
command -v bash || shell=sh
(
  test -z "$3" || ulimit -u "$3" || ulimit -p "$3"
  test -z "$4" || ulimit -d "$4"
  test -z "$5" || ulimit -f "$5"
  ulimit -c 0
  export ${callIdVariable}="$2"
  exec "$shell" -c "$1" >&4 2>&4 3>&- 4>&-
)
code=$?
exec 4>&-
echo "$code" >&3
read -r _ <&3
`

export interface Supervised {
  command: string
  callId: string
  processesMax: number | undefined
  dataBytesMax: number | undefined
  fileBytesMax: number | undefined
}

export const supervise = ({
  command,
  callId,
  processesMax,
  dataBytesMax,
  fileBytesMax,
}: Supervised): Argv => [
  'sh',
  '-c',
  script,
  'loom',
  command,
  callId,
  String(processesMax ?? ''),
  dataBytesMax === undefined ? '' : String(Math.ceil(dataBytesMax / 1024)),
  fileBytesMax === undefined ? '' : String(Math.ceil(fileBytesMax / 512)),
]

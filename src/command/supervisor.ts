/**
 * The shell that stands between Loom and a command, inside the sandbox. It tells when the command has
 * ended, although what it left in the background may live on for a moment, and it ends all of it
 * when Loom is gone, killed or not: its lifeline closes then.
 */
import type { Argv } from '../sandbox.ts'

/** In every process of a call, so that one that left its group is found. */
export const callIdVariable = 'LOOM_CALL_ID'

// $1 command, $2 call id, $3 how many processes there may be, or nothing: the letter is bash's or dash's.
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
}

export const supervise = ({ command, callId, processesMax }: Supervised): Argv => [
  'sh',
  '-c',
  script,
  'loom',
  command,
  callId,
  String(processesMax ?? ''),
]

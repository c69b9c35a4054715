/**
 * The supervisor: a shell between Loom and a command, inside the sandbox. It reports the end of the command
 * even if background processes still run. It kills all processes when Loom ends or is killed, since that
 * closes its lifeline.
 */
import type { Argv } from '../sandbox/confined-program.ts'

/** An environment variable of every process of a call, to find processes that left the group. */
export const callIdVariable = 'LOOM_CALL_ID'

// $1 is the command and $2 the call id. $3 to $5 are limits, each may be empty: $3 processes (`ulimit -u` in
// bash, `-p` in dash), $4 KiB of data of a process, $5 units of 512 bytes of a file. `ulimit -c 0` disables
// core dumps. Descriptor 3 is the lifeline, a socket that receives `started` and the exit code; 4 is the
// output. The supervisor itself has no call id, so that the search for processes does not kill it first.
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

export interface SupervisorOptions {
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
}: SupervisorOptions): Argv => [
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

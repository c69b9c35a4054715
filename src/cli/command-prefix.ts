/**
 * The meaning of the answer "always" to a shell command. It allows the program with its subcommand
 * (`git commit`), so that one consent does not allow every command. For a command that could run
 * another one, it allows only exactly this command.
 */

/** Programs whose first argument is a subcommand. */
const withSubcommand = new Set(
  `apt brew bun cargo docker dotnet gh git go helm kubectl make npm pip pip3 pnpm podman systemctl
  terraform uv yarn`.split(/\s+/),
)

/**
 * Programs and builtins that run the program in their arguments, or that overwrite or remove files.
 * Each of their commands needs its own approval. A number at the end of a name (`python3.12`) is
 * ignored.
 */
const exactOnly = new Set(
  `. ansible ash awk bash builtin busybox bunx bwrap chmod chown chroot chrt command coproc cp cpulimit
  crontab csh dash dd deno docker-compose doas ed emacs entr env eval ex exec expect fakeroot find firejail
  fish flock gawk gdb install ionice irb java kill killall ksh link ln lua mawk mksh mv nano nice node
  nodejs nohup npx nsenter nvim osascript parallel patch perf perl php pkexec pkill pnpx powershell pwsh
  pypy python rlwrap rm rmdir rsync ruby runuser scp screen script sed setarch setpriv setsid sftp sh shred
  socat source ssh sshpass stdbuf strace su sudo systemd-run taskset tclsh tee time timeout tmux trap
  truncate tsx unlink unshare uvx valgrind vi view vim watch xargs xdg-open yes zsh`.split(/\s+/),
)

/** Subcommands that run the program in their arguments. */
const runsProgram = new Set('bisect dlx exec filter-branch rebase submodule x'.split(' '))

/** Whether the command contains a character that makes a shell do more than run one program. */
const isCompound = (command: string): boolean => /[;&|<>$`(){}\n\r\\!#]/.test(command)

/** The prefix that "always" allows. Undefined if it allows only this command. */
export function prefixOf(command: string): string | undefined {
  const words = wordsOf(command)
  const [program = '', second = '', third = ''] = words
  if (isCompound(command) || !/^[\w.+-]+$/.test(program)) return undefined
  if ([program, program.replace(/[\d.]+$/, '')].some((name) => exactOnly.has(name)))
    return undefined
  if (!withSubcommand.has(program)) return program
  if (!/^[a-z][\w:-]*$/.test(second) || runsProgram.has(second)) return undefined
  if (second !== 'run') return `${program} ${second}`
  // An option in the place of the name would allow every other name.
  return /^[\w@.]/.test(third) ? `${program} run ${third}` : undefined
}

/** Whether a command begins with the words of a prefix and runs no other program. */
export function isUnder(command: string, prefix: string): boolean {
  if (isCompound(command)) return false
  const words = wordsOf(command)
  return wordsOf(prefix).every((word, index) => words[index] === word)
}

const wordsOf = (command: string): string[] => command.trim().split(/[ \t]+/)

/**
 * What "always" stands for when a shell command is asked about: the program with its subcommand
 * (`git commit`), so that one consent does not let every command run. A command that could run another
 * one is only ever allowed as it is.
 */

/** Programs whose first words name what they do. */
const withSubcommand = new Set(
  `apt brew bun cargo docker dotnet gh git go helm kubectl make npm pip pip3 pnpm podman systemctl
  terraform uv yarn`.split(/\s+/),
)

/** Programs that run what they are told, or take away what is there: each use is its own question. */
const exactOnly = new Set(
  `awk bash chmod chown dash dd deno doas env eval exec find fish kill mv nice node nohup npx perl php
  pkill python python3 rm rsync ruby sed setsid sh shred ssh sudo time timeout xargs zsh`.split(
    /\s+/,
  ),
)

/** Anything by which a shell does more than run one program with these words. */
const isCompound = (command: string): boolean => /[;&|<>$`(){}\n\r\\!#]/.test(command)

/** The prefix that "always" allows; undefined where it allows this very command alone. */
export function prefixOf(command: string): string | undefined {
  const words = wordsOf(command)
  const [program = '', second = '', third = ''] = words
  if (isCompound(command) || !/^[\w.+-]+$/.test(program) || exactOnly.has(program)) return undefined
  if (!withSubcommand.has(program)) return program
  if (!/^[a-z][\w:-]*$/.test(second)) return undefined
  return second === 'run' && third !== '' ? `${program} run ${third}` : `${program} ${second}`
}

/** Whether a command begins with the words of a prefix and does nothing else beside. */
export function isUnder(command: string, prefix: string): boolean {
  if (isCompound(command)) return false
  const words = wordsOf(command)
  return wordsOf(prefix).every((word, index) => words[index] === word)
}

const wordsOf = (command: string): string[] => command.trim().split(/[ \t]+/)

/**
 * Completions. The script for the shell calls `loom __complete` with the words of the line. The
 * last word is incomplete. The command prints the candidates for it, one on each line.
 */
import type { Command } from 'commander'

import { agentNames } from '../project/agents.ts'
import { builtInAgents, builtInToolNames } from './app-names.ts'
import type { CommandWorld } from './app.ts'

export function completionScript(shell: 'bash' | 'zsh' | 'fish'): string {
  return scripts[shell]
}

const scripts = {
  // readline splits words at ":" and "=". The words of Loom contain neither.
  bash: `# loom completion for bash: eval "$(loom completion bash)"
_loom() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ -n $line ]] && COMPREPLY+=("$line")
  done < <(loom __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
  elif [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]]; then
    compopt -o nospace
  fi
}
complete -o filenames -F _loom loom
`,
  zsh: `#compdef loom
# loom completion for zsh: eval "$(loom completion zsh)"
_loom() {
  local -a candidates
  candidates=("\${(@f)$(loom __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates=(\${candidates:#})
  if (( \${#candidates} )); then
    compadd -- "\${candidates[@]}"
  else
    _files
  fi
}
if [[ $funcstack[1] == _loom ]]; then _loom; else compdef _loom loom; fi
`,
  fish: `# loom completion for fish: loom completion fish | source
complete -c loom -e
complete -c loom -a '(set -l words (commandline -opc) (commandline -ct); loom __complete -- $words[2..-1] 2>/dev/null)'
`,
} as const

export interface CompleteOptions {
  world: CommandWorld
  program: Command
}

/**
 * The candidates for the last word. None if the word may be a file name, which the shell completes.
 */
export async function complete(
  words: readonly string[],
  { world, program }: CompleteOptions,
): Promise<string[]> {
  const [current = '', before] = [words.at(-1), words.at(-2)]
  const commands = program.commands.filter((command) => !command.name().startsWith('_'))
  const named = commands.find((command) => words.slice(0, -1).includes(command.name()))
  const parts = named?.commands ?? []
  const part = parts.find((command) => words.slice(0, -1).includes(command.name()))
  const command = part ?? named ?? commands.find((command) => command.name() === 'chat')
  const option = command?.options.find(
    ({ short, long }) => before !== undefined && (before === short || before === long),
  )
  if (option !== undefined && !option.isBoolean() && (option.required || option.optional)) {
    const values = await valuesOf(option.attributeName(), {
      world,
      current,
      choices: option.argChoices,
    })
    return candidatesFor(values, current)
  }
  if (current.startsWith('-')) {
    const flags = command?.options.flatMap(({ long }) => long ?? []) ?? []
    return candidatesFor([...flags, '--help'], current)
  }
  const names = commands.map((command) => command.name())
  if (named?.name() === 'help') return candidatesFor(names, current)
  if (named?.name() === 'completion') return candidatesFor(['bash', 'zsh', 'fish'], current)
  if (part === undefined && parts.length > 0) {
    const names = parts.map((command) => command.name())
    return candidatesFor(names, current)
  }
  if (named !== undefined || words.length > 1) return []
  return candidatesFor(names, current)
}

interface ValuesOptions {
  world: CommandWorld
  current: string
  choices: readonly string[] | undefined
}

/** Names of the current folder are left out, because they are known only after its code has run. */
async function valuesOf(
  name: string,
  { world, current, choices }: ValuesOptions,
): Promise<readonly string[]> {
  const { program } = world
  switch (name) {
    case 'model':
      return (await import('./models.ts')).modelNames(program.env, current)
    case 'agent':
      return agentNames(await builtInAgents(world))
    case 'tools':
    case 'allow':
      return builtInToolNames(world)
    case 'session':
    case 'rm': {
      const { SessionFiles } = await import('./session-files.ts')
      return (await new SessionFiles(program.env).list()).map(({ id }) => id)
    }
    default:
      return choices ?? []
  }
}

/** The values that begin with the last item of `current`, a list separated by commas. */
function candidatesFor(values: readonly string[], current: string): string[] {
  const comma = current.lastIndexOf(',') + 1
  const [done, typed] = [current.slice(0, comma), current.slice(comma)]
  return values.filter((value) => value.startsWith(typed)).map((value) => done + value)
}

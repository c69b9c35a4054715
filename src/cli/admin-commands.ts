/** The subcommands of `loom admin`. Each loads its modules when it runs. */
import type { Command } from 'commander'

import type { AdminFlags } from './admin/place.ts'
import type { CommandWorld } from './app.ts'

const explanation = `
The server is --url or LOOM_URL, and the key LOOM_API_KEY. The key needs the scope
admin and governs its own tenant, or it is the key of an operator, who governs all
tenants and names one by --tenant.`

/** @param onEnd receives the exit code of the command */
export function addAdmin(
  program: Command,
  world: CommandWorld,
  onEnd: (exitCode: number) => void,
): void {
  const admin = program
    .command('admin')
    .description('govern the sessions of a tenant on a server')
    .addHelpText('after', explanation)
  const load = () => import('./admin/actions.ts')
  const add = (name: string, description: string) =>
    admin
      .command(name)
      .description(description)
      .option('--url <address>', 'the address of the server (LOOM_URL)')
      .option('--tenant <name>', 'the tenant, for the key of an operator')
  add('sessions', 'list the sessions, the last used first')
    .option('--subject <name>', 'only those of this subject')
    .option('--limit <number>', 'at most this number of sessions (100)')
    .option('--json', 'print JSON')
    .action(async (flags: AdminFlags) => (await load()).sessions(world, flags))
  add('inspect <id>', 'show one session')
    .option('--json', 'print JSON')
    .action(async (id: string, flags: AdminFlags) => (await load()).inspect(world, id, flags))
  add('stop <id>', 'stop a session, its tasks and its queue')
    .option('--json', 'print JSON')
    .action(async (id: string, flags: AdminFlags) => (await load()).stop(world, id, flags))
  add('delete <id>', 'delete a session with its tasks')
    .option('--json', 'print JSON')
    .action(async (id: string, flags: AdminFlags) => (await load()).remove(world, id, flags))
  add('export', 'print everything that is stored, one session as JSON on each line')
    .option('--subject <name>', 'only the sessions of this subject')
    .action(async (flags: AdminFlags) => (await load()).exportAll(world, flags))
  add('audit', 'list who approved, stopped, deleted, exported or erased what, the last act first')
    .option('--limit <number>', 'at most this number of events (100)')
    .option('--json', 'print JSON')
    .action(async (flags: AdminFlags) => (await load()).auditTrail(world, flags))
  add('instances', 'list the instances of the server (for operators)')
    .option('--json', 'print JSON')
    .action(async (flags: AdminFlags) => (await load()).instances(world, flags))
  add(
    'drain <instance>',
    'let an instance hand its turns over and take no new ones (for operators)',
  )
    .option('--json', 'print JSON')
    .action(async (id: string, flags: AdminFlags) => (await load()).drain(world, id, flags))
  add('erase', 'erase everything of a subject, or of the tenant that --tenant names')
    .option('--subject <name>', 'the subject')
    .option('--all', 'everything, on a server without tenants')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print the certificate as JSON')
    .action(async (flags: AdminFlags) => onEnd(await (await load()).erase(world, flags)))
}

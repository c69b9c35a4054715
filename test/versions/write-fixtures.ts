/**
 * Writes the fixtures of a version, before its release: `npx node test/versions/write-fixtures.ts 0.2`.
 * `versions.test.ts` replays those of every version.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv } from 'node:process'

import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { readKeys } from './redis-data.ts'
import { openScene, play, seen } from './scene.ts'

const [, , version] = argv
if (version === undefined) throw new Error('The argument is the version, such as 0.2.')
const target = join(import.meta.dirname, version)
await rm(target, { recursive: true, force: true })
await mkdir(target)

const folder = await mkdtemp(join(tmpdir(), 'loom-fixtures-'))
{
  await using scene = await openScene({ LOOM_STORE: 'file', LOOM_DATA: folder }, { isHeld: true })
  await play(scene)
  const filter = (path: string) => !path.startsWith(join(folder, 'lock'))
  await cp(folder, join(target, 'files'), { recursive: true, filter })
  await writeFile(join(target, 'files.json'), JSON.stringify(await seen(scene), null, 2))
}
await rm(folder, { recursive: true })

await using redis = await startRedis()
const environment = { REDIS_URL: redis.url, LOOM_ROLLBACK_TIME: '0' }
await using scene = await openScene(environment, { isHeld: true })
// From then on, the messages have the latest form.
const isAgreed = async () => (await redis.client.exists('loom:{instances}:agreed')) === 1
await until(5000, 'the agreement of the instances', isAgreed)
await play(scene)
const data = { keys: await readKeys(redis.client), seen: await seen(scene) }
await writeFile(join(target, 'redis.json'), JSON.stringify(data, null, 2))

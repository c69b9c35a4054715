/** Files in a bucket of S3 or of a store with the same API (MinIO, R2, Ceph, Garage), by its path-style addresses. */
import { AwsClient } from 'aws4fetch'

import type { Bucket } from '../config/files-place.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { forEachOf, type ObjectStore } from './object-store.ts'

/** The time limit of one call with its repetitions, in milliseconds. */
const callMs = 30_000

/** The repetitions of a call that the store refuses with status 429 or 5xx. */
const retriesMax = 3

/** @throws LoomError `invalid-config` if the bucket cannot be read */
export async function openS3Objects(options: Bucket): Promise<ObjectStore> {
  const { endpoint, bucket, prefix, region, keyId, secretKey } = options
  const client = new AwsClient({
    accessKeyId: keyId,
    secretAccessKey: secretKey,
    service: 's3',
    region,
    retries: retriesMax,
  })
  const root = `${endpoint.replace(/\/$/, '')}/${bucket}`
  const addressOf = (key: string) => `${root}/${prefix}${key}`

  const call = async (address: string, init: RequestInit = {}): Promise<Response> => {
    try {
      return await client.fetch(address, { ...init, signal: AbortSignal.timeout(callMs) })
    } catch (cause) {
      throw away(errorMessage(cause), cause)
    }
  }
  /** Reads the whole body, so that the connection is free again. */
  const done = async (response: Response): Promise<Response> => {
    const text = await response.text()
    if (response.ok) return new Response(text)
    throw away(`status ${response.status}`, text.slice(0, 500))
  }

  const page = async (folder: string, token: string | undefined) => {
    const query = new URLSearchParams({ 'list-type': '2', prefix: `${prefix}${folder}` })
    if (token !== undefined) query.set('continuation-token', token)
    return (await done(await call(`${root}?${query.toString()}`))).text()
  }

  await page('', undefined).catch((cause: unknown) => {
    const reason = `${errorMessage(cause)} Check LOOM_FILES, LOOM_FILES_ENDPOINT, LOOM_FILES_REGION, LOOM_FILES_KEY_ID and LOOM_FILES_SECRET_KEY.`
    throw new LoomError('invalid-config', `The bucket of LOOM_FILES cannot be listed: ${reason}`, {
      cause,
    })
  })

  return {
    async put(key, bytes) {
      // A view, because the type of a body excludes shared memory, which a buffer of Node.js never is.
      await done(await call(addressOf(key), { method: 'PUT', body: new Uint8Array(bytes) }))
    },
    async get(key) {
      const response = await call(addressOf(key))
      if (response.status === 404) {
        await response.text()
        return undefined
      }
      if (!response.ok) await done(response)
      return Buffer.from(await response.arrayBuffer())
    },
    async copy(from, to) {
      const headers = { 'x-amz-copy-source': `/${bucket}/${prefix}${from}` }
      const response = await call(addressOf(to), { method: 'PUT', headers })
      if (response.status === 404) {
        await response.text()
        return false
      }
      await done(response)
      return true
    },
    async *list(folder) {
      let token: string | undefined
      do {
        const text = await page(folder, token)
        for (const [, content = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
          const key = elementOf(content, 'Key')
          const changedAt = Date.parse(elementOf(content, 'LastModified'))
          const size = Number(elementOf(content, 'Size'))
          if (key.startsWith(prefix)) yield { key: key.slice(prefix.length), changedAt, size }
        }
        token = elementOf(text, 'NextContinuationToken') || undefined
      } while (token !== undefined)
    },
    remove: (keys) =>
      forEachOf(keys, async (key) => {
        const response = await call(addressOf(key), { method: 'DELETE' })
        if (response.status === 404) await response.text()
        else await done(response)
      }),
  }
}

/** The text of an element. Keys have no character that XML escapes; a token may have some. */
function elementOf(xml: string, name: string): string {
  const [, text = ''] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml) ?? []
  return text.replaceAll(/&(amp|lt|gt|quot|apos|#\d+);/g, (entity, code: string) =>
    code.startsWith('#') ? String.fromCodePoint(Number(code.slice(1))) : (entities[code] ?? entity),
  )
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

const away = (reason: string, cause: unknown) =>
  new LoomError(
    'unavailable',
    `The store of the files of messages fails (${reason}). Send the request again later.`,
    { cause, retryable: true },
  )

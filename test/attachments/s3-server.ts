/**
 * A server with the part of the API of S3 that Loom uses. It computes the signature of each request by itself
 * (AWS Signature Version 4) and refuses a wrong one. Its pages have two keys.
 */
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { buffer, text } from 'node:stream/consumers'

export const credentials = { keyId: 'test-key', secretKey: 'test-secret', region: 'eu-test-1' }

const pageSize = 2

export interface S3Server extends AsyncDisposable {
  endpoint: string
  /** The objects of all buckets, by `bucket/key`. */
  objects: Map<string, Buffer>
  /** The requests with a wrong signature. */
  refused: string[]
}

const hmac = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest()
const encoded = (value: string) =>
  encodeURIComponent(value).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** Returns whether the request has the signature of the credentials. */
function isSigned({ method = '', url = '', headers }: IncomingMessage): boolean {
  const authorization = String(headers.authorization)
  const [, credential = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(.+)$/.exec(
      authorization,
    ) ?? []
  const [keyId, day = '', region = '', service = ''] = credential.split('/')
  if (keyId !== credentials.keyId || region !== credentials.region || service !== 's3') return false
  const { pathname, searchParams } = new URL(url, 'http://s3')
  const query = [...searchParams]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .toSorted()
    .join('&')
  const lines = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`)
  const payload = String(headers['x-amz-content-sha256'])
  const request = [method, pathname, query, lines.join(''), names, payload].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const hash = createHash('sha256').update(request).digest('hex')
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash].join('\n')
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (secret, part) => hmac(secret, part),
    `AWS4${credentials.secretKey}`,
  )
  return hmac(key, toSign).toString('hex') === signature
}

export async function openS3Server(): Promise<S3Server> {
  const objects = new Map<string, Buffer>()
  const refused: string[] = []

  const deleted = (name: string) => {
    objects.delete(name)
    return 204
  }

  const answerTo = async (request: IncomingMessage): Promise<[number, string | Buffer]> => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://s3')
    if (!isSigned(request)) {
      refused.push(`${request.method} ${request.url}`)
      await text(request)
      return [403, '<Error><Code>SignatureDoesNotMatch</Code></Error>']
    }
    const name = decodeURIComponent(pathname.slice(1))
    if (request.method === 'PUT') {
      const source = request.headers['x-amz-copy-source']
      const body = await buffer(request)
      const bytes = source === undefined ? body : objects.get(String(source).slice(1))
      if (bytes === undefined) return [404, '<Error><Code>NoSuchKey</Code></Error>']
      objects.set(name, bytes)
      return [200, '']
    }
    if (request.method === 'DELETE') return [deleted(name), '']
    if (searchParams.get('list-type') === '2') {
      const within = `${name}/${searchParams.get('prefix') ?? ''}`
      const after = searchParams.get('continuation-token') ?? ''
      const keys = [...objects.keys()]
        .filter((key) => key.startsWith(within) && key > after)
        .toSorted()
      const page = keys.slice(0, pageSize)
      const contents = page.map(
        (key) =>
          `<Contents><Key>${key.slice(name.length + 1)}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><Size>${objects.get(key)?.length ?? 0}</Size></Contents>`,
      )
      const next =
        keys.length > pageSize
          ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>`
          : ''
      return [200, `<ListBucketResult>${contents.join('')}${next}</ListBucketResult>`]
    }
    const bytes = objects.get(name)
    return bytes === undefined ? [404, '<Error><Code>NoSuchKey</Code></Error>'] : [200, bytes]
  }

  const server = createServer((request, response) => {
    answerTo(request).then(
      ([status, body]) => response.writeHead(status).end(body),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    refused,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

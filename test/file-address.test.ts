/** Allowed addresses of files. The refused ones are in `attachments/attachments.test.ts`. */
import { expect, it } from 'vitest'

import { addressFault } from '../src/wire/conversation/file-address.ts'

it('https: addresses of public hosts are allowed', () => {
  for (const url of [
    'https://example.com/a.png',
    'https://8.8.8.8/a.png',
    'https://172.32.0.1/a.png',
    'https://[2606:4700::1111]/a.png',
    'https://[::ffff:8.8.8.8]/a.png',
    'https://localhost.example.com/a.png',
    'https://10.example.com/a.png',
  ]) {
    expect(addressFault(url, 'public'), url).toBeUndefined()
  }
})

it('http: and private addresses need a setting', () => {
  for (const url of [
    'http://example.com/a.png',
    'http://127.0.0.1:8000/a.png',
    'https://nas/a.png',
    'https://kubernetes.default.svc/a.png',
    'https://kubernetes.default.svc.cluster.local/a.png',
    'https://wiki.corp/a.png',
    'https://168.63.129.16/a.png',
  ]) {
    expect(addressFault(url, 'public'), url).toBeDefined()
    expect(addressFault(url, 'any'), url).toBeUndefined()
  }
  expect(addressFault('file:///etc/passwd', 'any')).toMatch('file:')
})

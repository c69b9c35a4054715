/**
 * The addresses that a file may have. A provider, or an inference server beside this one, downloads
 * the file from the address. An address of a private network would make it read data that the
 * sender must not see (server-side request forgery), for example the metadata service of a cloud at
 * 169.254.169.254.
 */
import { BlockList, isIP } from 'node:net'

/**
 * `public`: `https:` addresses outside private networks. `any`: also `http:` addresses and private
 * networks, for inference servers that read files from them. `download`: as `public`, and a session downloads the file
 * itself when it is posted, so that the provider gets its content and no address.
 */
export type FileUrls = 'public' | 'any' | 'download'

/** @returns the reason why a file must not have this address, or undefined */
export function addressFault(url: string, allowed: FileUrls): string | undefined {
  // An address that cannot be parsed is refused where the AI SDK reads it.
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? ''
  const schemes = allowed === 'any' ? ['http', 'https'] : ['https']
  if (!schemes.includes(scheme)) {
    return `its URL begins with ${JSON.stringify(`${scheme}:`)}. Send its content as a "data:" URL, or an "https:" address.`
  }
  if (allowed === 'any' || !URL.canParse(url) || !isPrivateHost(new URL(url).hostname)) {
    return undefined
  }
  return 'its URL names an address of a private network. Send its content as a "data:" URL. The operator of this server can allow such addresses with LOOM_FILE_URLS=any.'
}

/**
 * True if a host name of a parsed URL belongs to a private network. This is an address that is not
 * globally reachable (IANA special-purpose registries, RFC 6890), or a name that only a local
 * network resolves. A public name that resolves to a private address is not found here: only
 * the downloader can check its connection, and `attachments/file-download.ts` does.
 */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
  const family = isIP(host)
  if (family !== 0) return privateAddresses.check(host, family === 6 ? 'ipv6' : 'ipv4')
  // RFC 6761, 6762, 8375 and 9476, and the names of services in Kubernetes (`kubernetes.default.svc`), also with the
  // domain of the cluster. A name of one label is found only in a local search domain.
  return (
    !host.includes('.') ||
    /\.(?:localhost|local|internal|intranet|corp|home|lan|svc|home\.arpa|alt|test|invalid)$/.test(
      host,
    )
  )
}

const privateAddresses = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  // The platform address of Azure, which every virtual machine there reaches.
  ['168.63.129.16', 32],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  privateAddresses.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  // Unspecified, loopback and the IPv4-compatible addresses.
  ['::', 96],
  // These addresses contain an IPv4 address, which may be private: translated (RFC 6052) and 6to4.
  // A mapped address (RFC 4291, 2.5.5.2) is compared with the networks above.
  ['64:ff9b::', 32],
  ['2002::', 16],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const) {
  privateAddresses.addSubnet(network, prefix, 'ipv6')
}

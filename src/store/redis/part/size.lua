-- What the storage of the owner notes of a session (`note-storage.lua`), each on a line: its bytes, its TTL in milliseconds,
-- its tenant and its subject.

local function sizeOf()
  local tenant, subject, bytes, files =
    unpack(redis.call('HMGET', key.session, 'tenant', 'subject', 'bytes', 'fileBytes'))
  local size = (tonumber(bytes or '') or 0) + (tonumber(files or '') or 0)
  return table.concat({ size, redis.call('PTTL', key.session), tenant or '', subject or '' }, '\n')
end

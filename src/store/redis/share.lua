-- Moves the large messages of a history to a segment that forks share. The session keeps the number of the segment in
-- the place of each. The unfinished answer stays, because it will change.
-- KEYS session history messages segment sharers reply
-- ARGV replyTtlMs tenant id name bytesMin segmentsMax ttlMs
-- RETURNS done
-- USES format reply clock sharer

local function share()
  local tenant, subject, state, logId, shared =
    unpack(redis.call('HMGET', key.session, 'tenant', 'subject', 'state', 'logId', 'shared'))
  local isKnown = state == 'idle' or state == 'running' or state == 'waiting'
  if tenant ~= arg.tenant or not isKnown then return { done = false } end
  local number = select(2, string.gsub(shared or '', '\n', '')) + 1
  if number > tonumber(arg.segmentsMax) then return { done = false } end
  local done = false
  for _, id in ipairs(redis.call('LRANGE', key.history, 0, -1)) do
    local isLarge = redis.call('HSTRLEN', key.messages, id) >= tonumber(arg.bytesMin)
    if isLarge and (state == 'idle' or id ~= logId) then
      redis.call('HSET', key.segment, id, redis.call('HGET', key.messages, id))
      redis.call('HSET', key.messages, id, '@' .. number)
      done = true
    end
  end
  if not done then return { done = false } end
  -- No message has this id, because `%` begins an escaped character. An erasure reads the owner.
  redis.call('HSET', key.segment, '%owner', tenant .. '\n' .. (subject or ''))
  redis.call('HSET', key.session, 'shared', (shared or '') .. arg.name .. '\n')
  raiseFormat(sharedFormat)
  addSharer(arg.id, arg.ttlMs)
  return { done = true }
end

return storedReply() or storeReply(share())

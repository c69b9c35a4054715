-- Replaces the members of a session. It renews no TTL, because it is no use of the session.
-- KEYS session reply
-- ARGV replyTtlMs tenant members
-- RETURNS done
-- USES reply hint

local function set()
  local tenant, state = unpack(redis.call('HMGET', key.session, 'tenant', 'state'))
  if not tenant or tenant ~= arg.tenant or state == 'deleted' then return { done = false } end
  redis.call('HSET', key.session, 'members', arg.members)
  hint('log')
  return { done = true }
end

return storedReply() or storeReply(set())

-- Requests the stop of the running turn, and decides about the queue. The request can name the turn, so
-- that a late stop does not end the next one.
-- KEYS session mail letters known order reply
-- ARGV sessionTtlMs replyTtlMs knownMax tenant logId queue
-- RETURNS done
-- USES reply keep hint known letter

local function clear()
  for _, id in ipairs(redis.call('ZRANGE', key.mail, 0, -1)) do
    unqueue(id)
    bury(id, 'w')
  end
  redis.call('HSET', key.session, 'steer', '')
  hint('log')
end

local function requestStop()
  local tenant, state, logId, stop =
    unpack(redis.call('HMGET', key.session, 'tenant', 'state', 'logId', 'stop'))
  local other = arg.logId ~= '' and arg.logId ~= logId
  if tenant ~= arg.tenant or state == 'deleted' or other then return { done = false } end
  if arg.queue == 'clear' then clear() end
  if state == 'running' then
    if stop == '' then redis.call('HSET', key.session, 'stop', 'keep') end
    if arg.queue == 'hold' then
      redis.call('HSET', key.session, 'held', '1')
    else
      redis.call('HDEL', key.session, 'held')
    end
    hint('intents')
  end
  keep()
  return { done = state == 'running' }
end

return storedReply() or storeReply(requestStop())

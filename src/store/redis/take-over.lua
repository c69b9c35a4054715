-- Claims a session whose owner is gone, only if its claim is still the one that was found: of many
-- survivors one gets it. And only if that owner has been quiet for `quietMs`, whatever its heartbeat
-- says: an owner that appended or claimed since then is alive. By the store's clock, like claims.
-- KEYS session mail letters known order history messages branches branched claims live abandoned reply
-- ARGV sessionTtlMs replyTtlMs claim instance handOver quietMs
-- RETURNS claim logId abandoned takeovers stop floor letter message
-- USES reply keep clock hint fence

-- A time after now is of a master whose clock was ahead (a failover): it tells nothing.
local function isRecent(at)
  local agoMs = now() - (tonumber(at) or 0)
  return agoMs >= 0 and agoMs < tonumber(arg.quietMs)
end

local function takeOver()
  local state, claim, logId, takeovers, abandoned, stop, floor, letter, messageId, appended =
    unpack(redis.call('HMGET', key.session, 'state', 'claim', 'logId', 'takeovers', 'abandoned',
      'stop', 'floor', 'letter', 'letterMessage', 'appended'))
  if state ~= 'running' or claim ~= arg.claim then return {} end
  if arg.handOver ~= '1' and (isRecent(appended) or isRecent(claim)) then return {} end
  local taken = nextClaim(claim)
  if arg.handOver ~= '1' then
    takeovers = takeovers .. now() .. '\n'
    local _, count = string.gsub(takeovers, '\n', '')
    if count > 20 then takeovers = string.gsub(takeovers, '^[^\n]*\n', '') end
  end
  redis.call('HSET', key.session, 'claim', taken, 'owner', arg.instance, 'takeovers', takeovers,
    'last', fence(taken, logId))
  hint('intents')
  hint('log')
  keep()
  return {
    claim = taken, logId = logId, abandoned = abandoned, takeovers = takeovers, stop = stop,
    floor = floor, letter = letter,
    message = messageId ~= '' and redis.call('HGET', key.messages, messageId),
  }
end

return answered() or answer(takeOver())

-- Stores the report of an instance, with the time until which it counts as alive. Returns whether an operator asked
-- the instance to drain. Removes the reports of instances that have been silent for too long.
-- KEYS statuses drains
-- ARGV keptMs instance ttlMs status
-- RETURNS isAsked
-- USES clock

local time = now()
local aliveUntil = string.format('%d', time + arg.ttlMs)
redis.call('HSET', key.statuses, arg.instance, aliveUntil .. ' ' .. arg.status)
local all = redis.call('HGETALL', key.statuses)
for at = 1, #all, 2 do
  local lapsedAt = tonumber(string.match(all[at + 1], '^%d+')) or 0
  if lapsedAt + arg.keptMs < time then
    redis.call('HDEL', key.statuses, all[at])
    redis.call('SREM', key.drains, all[at])
  end
end
-- The keys live longer than the last report counts.
redis.call('PEXPIRE', key.statuses, arg.keptMs)
redis.call('PEXPIRE', key.drains, arg.keptMs)
return returns({ isAsked = redis.call('SISMEMBER', key.drains, arg.instance) == 1 })

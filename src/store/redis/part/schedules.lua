-- The schedules of a session: `schedules` has their ids by the time of the next occurrence, and `scheduled`
-- the schedules. The first line of a schedule is the number of its next occurrence.

-- Notes the first occurrence, and a TTL with which the session outlives the last one.
local function noteSchedules()
  local first = redis.call('ZRANGE', key.schedules, 0, 0, 'WITHSCORES')[2]
  if not first then return redis.call('HDEL', key.session, 'due', 'scheduledMs') end
  local last = redis.call('ZRANGE', key.schedules, -1, -1, 'WITHSCORES')[2]
  local lastMs = math.max(tonumber(last) - now(), 0)
  redis.call('HSET', key.session, 'due', first,
    'scheduledMs', string.format('%.0f', lastMs + arg.sessionTtlMs))
end

local function unschedule(id)
  redis.call('ZREM', key.schedules, id)
  return redis.call('HDEL', key.scheduled, id) == 1
end

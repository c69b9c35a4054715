-- Renews the TTL of the keys of a session. It begins again with every write. Finished logs and replies have
-- shorter TTLs of their own. A running turn or task may last longer than the session TTL, so the TTL is then
-- at least one day. The list of the tree of a task belongs to its root. A session with schedules lives longer than its last occurrence (`part/schedules.lua`).

local runningMs = 24 * 60 * 60 * 1000

local function keep()
  local state, scheduledMs, unfinished =
    unpack(redis.call('HMGET', key.session, 'state', 'scheduledMs', 'unfinished'))
  local ttlMs = math.max(tonumber(arg.sessionTtlMs),
    (state == 'running' or unfinished) and runningMs or 0, tonumber(scheduledMs or '') or 0)
  for name, each in pairs(key) do
    local isOther = name == 'reply' or name == 'log' or string.find(name, '^root')
    if not isOther then redis.call('PEXPIRE', each, ttlMs) end
  end
end

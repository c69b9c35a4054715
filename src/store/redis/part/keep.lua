-- Renews the TTL of the keys of a session. It begins again with every write. Finished logs and replies have
-- shorter TTLs of their own. A running turn may last longer than the session TTL, so the TTL is then at
-- least one day.

local runningMs = 24 * 60 * 60 * 1000

local function keep()
  local running = redis.call('HGET', key.session, 'state') == 'running'
  local ttlMs = math.max(tonumber(arg.sessionTtlMs), running and runningMs or 0)
  for name, each in pairs(key) do
    if name ~= 'reply' and name ~= 'log' then redis.call('PEXPIRE', each, ttlMs) end
  end
end

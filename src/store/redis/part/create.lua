-- Creates a session. `seed` has ids and messages in turn.

local function create()
  redis.call('HSET', key.session, 'tenant', arg.tenant, 'agent', arg.agent, 'state', 'idle',
    'created', now(), 'updated', now(), 'v', format)
  if arg.subject ~= '' then redis.call('HSET', key.session, 'subject', arg.subject) end
  for index = 1, #arg.seed, 2 do
    put(arg.seed[index], arg.seed[index + 1])
    know(arg.seed[index], 'd', '')
  end
end

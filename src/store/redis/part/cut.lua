-- Moves a message and all after it from the history into a branch. A branch is a line of `branches`
-- (number, position, time, ids) and its messages in `branched`, under `<number>/<id>`.

local function boundBranches()
  while redis.call('LLEN', key.branches) > 1 do
    local many = redis.call('LLEN', key.branches) > tonumber(arg.branchesMax)
      or redis.call('HLEN', key.branched) > tonumber(arg.branchedMax)
    if not many then return end
    local number, _, _, ids = string.match(redis.call('LPOP', key.branches), '^(%d+)\n(%d+)\n(%d+)(.*)$')
    for id in string.gmatch(ids, '\n([^\n]*)') do
      unsetMessage(key.branched, number .. '/' .. id)
    end
  end
end

-- Returns the number of the branch.
local function cut(at, time)
  local position = redis.call('LPOS', key.history, at)
  local ids = redis.call('LRANGE', key.history, position, -1)
  local number = redis.call('HINCRBY', key.session, 'branches', 1)
  local head = { number, position, time }
  for _, id in ipairs(ids) do
    table.insert(head, id)
    redis.call('RPOP', key.history)
    redis.call('HSET', key.branched, number .. '/' .. id, redis.call('HGET', key.messages, id))
    redis.call('HDEL', key.messages, id)
    forgetSummary(id)
    bury(id, 'c')
  end
  redis.call('RPUSH', key.branches, table.concat(head, '\n'))
  boundBranches()
  return number
end

-- Replaces the spending of the unfinished message of a session, '' for none. The part of a task in its tree follows
-- in the same step, from all its messages, so each amount counts once, however often it is noted.

local function jsonOf(amounts)
  return '{"usage":{"inputTokens":' .. exact(amounts.Input)
    .. ',"outputTokens":' .. exact(amounts.Output)
    .. ',"totalTokens":' .. exact(amounts.Input + amounts.Output)
    .. ',"cachedInputTokens":' .. exact(amounts.Cached)
    .. ',"reasoningTokens":' .. exact(amounts.Reasoning)
    .. '},"usd":' .. exact(amounts.Usd)
    .. ',"isCostKnown":' .. (amounts.Unknown == 0 and 'true' or 'false') .. '}'
end

local function noteUnfinished(unfinished)
  if unfinished == '' then
    redis.call('HDEL', key.session, 'unfinishedSpent')
  else
    redis.call('HSET', key.session, 'unfinishedSpent', unfinished)
  end
  if arg.task == '' or redis.call('HEXISTS', key.rootTasks, arg.task) == 0 then return end
  local part = add(amountsOf(key.session, 'spent'), amountsIn(unfinished), 1)
  part.Unknown = math.min(part.Unknown, 1)
  local before = amountsIn(redis.call('HGET', key.rootTaskSpent, arg.task))
  for _, name in ipairs(amountNames) do
    local change = part[name] - before[name]
    if change ~= 0 then
      redis.call('HINCRBYFLOAT', key.rootSession, 'tree' .. name, exact(change))
    end
  end
  if part.Input + part.Output + part.Usd + part.Unknown == 0 then
    redis.call('HDEL', key.rootTaskSpent, arg.task)
    return
  end
  redis.call('HSET', key.rootTaskSpent, arg.task, jsonOf(part))
  redis.call('PEXPIRE', key.rootTaskSpent, redis.call('PTTL', key.rootTasks))
end

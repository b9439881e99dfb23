%% An echo over TLS that verifies clients: PORT CERT KEY CA, and whether a certificate is demanded (true or false).
main([Port, Cert, Key, Ca, Demand]) ->
  {ok, _} = application:ensure_all_started(ssl),
  {ok, Listener} = ssl:listen(list_to_integer(Port), [
    {ip, {127, 0, 0, 1}}, {certfile, Cert}, {keyfile, Key}, {cacertfile, Ca}, {depth, 3},
    {verify, verify_peer}, {fail_if_no_peer_cert, list_to_atom(Demand)},
    {versions, ['tlsv1.2', 'tlsv1.3']}, {active, false}, {mode, binary}, {backlog, 128}, {reuseaddr, true}]),
  accept(Listener).

accept(Listener) ->
  {ok, Socket} = ssl:transport_accept(Listener),
  Server = spawn(fun() -> receive go -> serve(Socket) end end),
  ssl:controlling_process(Socket, Server),
  Server ! go,
  accept(Listener).

serve(Socket) ->
  case ssl:handshake(Socket, 5000) of
    {ok, Connected} -> echo(Connected);
    _ -> refused
  end.

echo(Socket) ->
  case ssl:recv(Socket, 0, 20000) of
    {ok, Bytes} -> ssl:send(Socket, Bytes), echo(Socket);
    _ -> ended
  end.

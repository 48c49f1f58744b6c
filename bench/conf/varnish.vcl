# Varnish with its built-in rules alone; what else is set for it stands in its command (gateways.py).
vcl 4.1;

backend origin {
  .host = "127.0.0.1";
  .port = "@ORIGIN@";
}

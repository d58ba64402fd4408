namespace Runcvm.SystemTests;

/// <summary>Servers as people run them, and who reaches them how.</summary>
public class ServiceTests(DockerEngine engine) : MachineTest(engine)
{
    private static readonly string[] DualStack = ["--ipv6", "--subnet", "10.66.7.0/24", "--subnet", "fd66:7::/64"];

    // Answers a datagram with itself and the sender's address.
    private const string Echo = """
        import socket
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.bind(('::', 5300))
        print('echo listens', flush=True)
        while True:
            data, sender = s.recvfrom(2000)
            s.sendto(b'back: ' + data, sender)
        """;

    private const string Database = """
        mkdir /data && chown postgres /data && cd /
        su postgres -c 'PATH=$PATH:/usr/lib/postgresql/15/bin; initdb -D /data -A trust >/dev/null && echo "host all all samenet trust" >>/data/pg_hba.conf && exec postgres -D /data -h "*"'
        """;

    private const string Api = """
        import http.server, psycopg2
        db = psycopg2.connect(host='database', user='postgres', connect_timeout=30)
        db.autocommit = True
        run = db.cursor().execute
        run('CREATE TABLE IF NOT EXISTS visits (id serial)')
        class Visits(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                cursor = db.cursor()
                cursor.execute('INSERT INTO visits DEFAULT VALUES RETURNING id')
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f'visit {cursor.fetchone()[0]} from {self.headers["X-Real-IP"]}\n'.encode())
        print('api listens', flush=True)
        http.server.HTTPServer(('', 8000), Visits).serve_forever()
        """;

    private const string Web = """
        printf 'server { listen 80 default_server; location / { proxy_pass http://api:8000; proxy_set_header X-Real-IP $remote_addr; } }' >/etc/nginx/sites-enabled/default
        nginx && echo web listens && exec sleep 1000
        """;

    [Fact]
    public async Task Nginx_and_a_UDP_service_answer_at_published_ports_and_own_addresses_over_IPv4_and_IPv6()
    {
        string network = await NewNetworkAsync(DualStack);
        string name = await StartAsync(
            "--network", network, "-p", "8081:80", "-p", "5301:5300/udp", await Engine.Images.ServicesAsync(),
            "sh", "-c", $"echo from nginx >/var/www/html/index.html; nginx; exec python3 -c \"{Echo}\"");
        await LoggedAsync(name, "echo listens");
        string own4 = await Docker.InspectAsync(name, $"{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
        string own6 = await Docker.InspectAsync(name, $"{{{{(index .NetworkSettings.Networks \"{network}\").GlobalIPv6Address}}}}");
        foreach (string web in (string[])["127.0.0.1:8081", "[::1]:8081", $"{own4}:80", $"[{own6}]:80"])
            Assert.Equal("from nginx\n", (await Engine.BesideAsync("curl", "-s", "-m", "10", $"http://{web}/")).Stdout);
        foreach (string udp in (string[])["127.0.0.1/5301", "::1/5301", $"{own4}/5300", $"{own6}/5300"])
        {
            string talk = $"exec 3<>/dev/udp/{udp}; echo hello >&3; timeout 10 head -n 1 <&3";
            Assert.Equal("back: hello\n", (await Engine.BesideAsync("bash", "-c", talk)).Stdout);
        }
    }

    [Fact]
    public async Task An_application_of_two_machines_and_a_container_finds_its_parts_by_name()
    {
        string network = await NewNetworkAsync("--subnet", "10.66.8.0/24");
        string image = await Engine.Images.ServicesAsync();
        string database = await StartAsync("--network", network, "--network-alias", "database", image, "sh", "-c", Database);
        await Eventually.TrueAsync(
            async () => (await Docker.RunAsync("logs", database)).Stderr.Contains("ready to accept connections", StringComparison.Ordinal),
            "the database is ready", TimeSpan.FromSeconds(60));
        string api = await StartContainerAsync(NewName("api"), "--network", network, "--network-alias", "api", image, "python3", "-c", Api);
        await LoggedAsync(api, "api listens");
        string web = await StartAsync("--network", network, "-p", "8082:80", image, "sh", "-c", Web);
        await LoggedAsync(web, "web listens");
        string? last = null;
        for (int visit = 1; visit <= 3; visit++)
            last = (await Engine.BesideAsync("curl", "-s", "-m", "20", "http://127.0.0.1:8082/")).Stdout;
        Assert.StartsWith("visit 3 from 10.66.8.", last, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_machine_on_two_networks_reaches_the_neighbours_of_each_through_its_own_interface()
    {
        string[] networks = [await NewNetworkAsync("--subnet", "10.66.11.0/24"), await NewNetworkAsync("--subnet", "10.66.12.0/24")];
        string look = "";
        foreach (string network in networks)
        {
            string peer = await StartContainerAsync(
                NewName("peer"), "--network", network, Busybox, "sh", "-c", $"mkdir /www; echo {network} >/www/page; exec httpd -f -h /www");
            look += $"curl -sm 10 http://{peer}/page; ip route get $(getent hosts {peer} | cut -d' ' -f1) | grep -o 'dev.*src [^ ]*';";
        }

        string name = NewName("both");
        string[] command = [await Engine.Images.DebianAsync(), "sh", "-c", look];
        (await Docker.RunAsync(["create", "--name", name, "--network", networks[0], .. RuntimeArguments, .. command])).Succeeded();
        (await Docker.RunAsync("network", "connect", networks[1], name)).Succeeded();
        CommandResult run = await Docker.RunAsync("start", "--attach", name);
        // Which of them is eth0 is Docker's choice.
        string first = run.Lines[1].StartsWith("dev eth0", StringComparison.Ordinal) ? "0" : "1";
        string second = first == "0" ? "1" : "0";
        Assert.Equal([networks[0], $"dev eth{first} src 10.66.11.3", networks[1], $"dev eth{second} src 10.66.12.3"], run.Lines);
    }
}

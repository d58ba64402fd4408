using Runcvm.Sandbox;
using Runcvm.Tests.Kernels;

namespace Runcvm.Tests.Sandbox;

public sealed class ServerSysctlsTests : IDisposable
{
    private readonly TemporaryFolder _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public void The_higher_of_the_hosts_value_and_the_usual_one_is_taken()
    {
        _host.Write("vm/max_map_count", "2000000\n");
        _host.Write("kernel/pid_max", "32768\n");
        _host.Write("fs/file-max", "9223372036854775807\n");
        _host.Write("kernel/threads-max", "18446744073709551615\n");
        Dictionary<string, long> read = new(ServerSysctls.Read(_host.Path));
        Assert.Equal(2_000_000, read["vm.max_map_count"]);
        Assert.Equal(4_194_304, read["kernel.pid_max"]);
        Assert.Equal(long.MaxValue, read["fs.file-max"]);
        Assert.Equal(32_768, read["kernel.threads-max"]);
        Assert.Equal(524_288, read["fs.inotify.max_user_watches"]);
    }
}

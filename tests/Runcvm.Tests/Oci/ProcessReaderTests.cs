using System.Text.Json.Nodes;
using Runcvm.Linux.Processes;
using Runcvm.Oci;
using Runcvm.Protocol.Messages;

namespace Runcvm.Tests.Oci;

public class ProcessReaderTests
{
    private const string DockerDefault =
        "\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FSETID\",\"CAP_FOWNER\",\"CAP_MKNOD\",\"CAP_NET_RAW\",\"CAP_SETGID\",\"CAP_SETUID\"," +
        "\"CAP_SETFCAP\",\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_SYS_CHROOT\",\"CAP_KILL\",\"CAP_AUDIT_WRITE\"";

    private static readonly ulong Full = CapabilitySet.Full.Bits;

    [Fact]
    public void Everything_is_read()
    {
        ProcessSpec process = Read("""
            {"args":["sh","-c","a\nb"],"cwd":"/work","terminal":true,"consoleSize":{"height":40,"width":132},
             "user":{"uid":1000,"gid":100,"umask":63,"additionalGids":[10,4294967295]},
             "noNewPrivileges":true,"oomScoreAdj":-500,
             "rlimits":[{"type":"RLIMIT_CORE","soft":0,"hard":18446744073709551615}]}
            """, "A=line\nline", "B=");
        Assert.Equal(["sh", "-c", "a\nb"], process.Arguments);
        Assert.Equal(["A=line\nline", "B="], process.Environment);
        Assert.Equal("/work", process.WorkingDirectory);
        Assert.Equal((1000u, 100u, 63u), (process.User, process.Group, process.Umask));
        Assert.Equal([10u, uint.MaxValue], process.Groups);
        Assert.True(process.Terminal);
        Assert.Equal((40, 132), (process.Rows, process.Columns));
        Assert.True(process.NoNewPrivileges);
        Assert.Equal(-500, process.OomScoreAdjust);
        Assert.Contains(new ResourceLimit(4, 0, ulong.MaxValue), process.Limits);
    }

    [Fact]
    public void What_is_not_said_has_the_usual_values()
    {
        ProcessSpec process = Read("""{"args":["true"]}""");
        Assert.Equal("/", process.WorkingDirectory);
        Assert.Equal((0u, 0u, 18u), (process.User, process.Group, process.Umask)); // 18 is 0022
        Assert.Empty(process.Groups);
        Assert.False(process.Terminal || process.NoNewPrivileges);
        Assert.Equal((0, 0), (process.Rows, process.Columns));
        Assert.Equal([new ResourceLimit(7, 1048576, 1048576)], process.Limits); // RLIMIT_NOFILE
    }

    [Fact]
    public void A_limit_on_open_files_is_kept()
        => Assert.Equal([new ResourceLimit(7, 10, 20)], Read("""{"rlimits":[{"type":"RLIMIT_NOFILE","soft":10,"hard":20}]}""").Limits);

    [Fact]
    public void An_unknown_limit_is_refused_by_name()
    {
        var e = Assert.Throws<UsageException>(() => Read("""{"rlimits":[{"type":"RLIMIT_BEER","soft":1,"hard":1}]}"""));
        Assert.Contains("RLIMIT_BEER", e.Message);
    }

    [Fact]
    public void Root_with_the_engines_capabilities_is_root_of_the_machine()
        => Assert.Equal(new CapabilityBits(Full, Full, Full, 0, 0), ReadCapabilities(DockerDefault, 0));

    [Fact]
    public void A_user_with_the_engines_capabilities_may_become_root_but_is_not()
        => Assert.Equal(new CapabilityBits(Full, 0, 0, 0, 0), ReadCapabilities(DockerDefault, 1000));

    [Fact]
    public void Once_a_capability_is_dropped_the_rest_is_exactly_what_was_asked_for()
    {
        string without = DockerDefault.Replace("\"CAP_CHOWN\",", "", StringComparison.Ordinal);
        ulong bits = CapabilitySet.Of(without.Replace("\"", "", StringComparison.Ordinal).Split(',')).Bits;
        Assert.Equal(new CapabilityBits(bits, bits, bits, 0, 0), ReadCapabilities(without, 0));
        Assert.Equal(0u, (uint)bits & 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_Docker_gives_and_Podman_does_not_is_missed_in_Dockers_containers_only(bool isPodmans)
    {
        string list = DockerDefault;
        foreach (string one in (string[])["CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE"])
            list = list.Replace($"\"{one}\"", "", StringComparison.Ordinal).Replace(",,", ",", StringComparison.Ordinal).TrimEnd(',');
        ulong bits = CapabilitySet.Of(list.Replace("\"", "", StringComparison.Ordinal).Split(',')).Bits;
        Assert.Equal(11, System.Numerics.BitOperations.PopCount(bits));
        Assert.Equal(isPodmans ? Full : bits, ReadCapabilities(list, 0, isPodmans).Bounding);
    }

    [Theory]
    [InlineData("CAP_NET_RAW")]
    [InlineData("CAP_CHOWN")]
    public void Podmans_containers_with_some_of_Dockers_or_less_than_Podmans_are_restricted(string missing)
    {
        string list = DockerDefault.Replace($"\"{missing}\",", "", StringComparison.Ordinal);
        Assert.NotEqual(Full, ReadCapabilities(list, 0, isPodmans: true).Bounding);
    }

    [Fact]
    public void With_all_capabilities_dropped_none_is_left()
    {
        Assert.Equal(new CapabilityBits(0, 0, 0, 0, 0), ReadCapabilities("", 0));
        Assert.Equal(new CapabilityBits(0, 0, 0, 0, 0), Read("{}").Capabilities);
    }

    private static CapabilityBits ReadCapabilities(string list, uint user, bool isPodmans = false)
        => ReadFrom($$$"""{"user":{"uid":{{{user}}}},"capabilities":{"bounding":[{{{list}}}],"effective":[{{{list}}}],"permitted":[{{{list}}}]}}""", isPodmans).Capabilities;

    private static ProcessSpec Read(string json, params string[] environment) => ReadFrom(json, isPodmans: false, environment);

    private static ProcessSpec ReadFrom(string json, bool isPodmans, params string[] environment)
        => ProcessReader.Read(JsonNode.Parse(json)!.AsObject(), environment, () => isPodmans);

    [Fact]
    public void Of_two_variables_of_one_name_the_last_counts()
    {
        string[] environment = ["A=1", "PATH=/bin", "A=2=3", "B", "B="];
        var process = new JsonObject { ["args"] = new JsonArray("x") };
        ProcessSpec spec = ProcessReader.Read(process, environment, () => false);
        Assert.Equal(["A=2=3", "PATH=/bin", "B="], spec.Environment);
    }
}

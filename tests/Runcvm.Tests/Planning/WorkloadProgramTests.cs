using System.Text.Json.Nodes;
using Runcvm.Planning;
using Runcvm.Protocol.Messages;

namespace Runcvm.Tests.Planning;

public sealed class WorkloadProgramTests : IDisposable
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserExecute;

    private readonly string _root = Directory.CreateTempSubdirectory("runcvm-program-").FullName;

    public WorkloadProgramTests()
    {
        Directory.CreateDirectory(At("usr/bin"));
        Directory.CreateDirectory(At("data"));
        File.WriteAllText(At("usr/bin/program"), "");
        File.SetUnixFileMode(At("usr/bin/program"), Executable);
        File.WriteAllText(At("text"), "");
        File.CreateSymbolicLink(At("bin"), "usr/bin");
        File.CreateSymbolicLink(At("absolute"), "/usr/bin/program");
        File.CreateSymbolicLink(At("usr/bin/up"), "../../../../../usr/../usr/bin/./program");
        File.CreateSymbolicLink(At("outside"), "/etc/passwd");
        File.CreateSymbolicLink(At("on-volume"), "/data/program");
        File.CreateSymbolicLink(At("loop"), "loop");
    }

    [Theory]
    [InlineData("/usr/bin/program")]
    [InlineData("/bin/program")]
    [InlineData("/absolute")]
    [InlineData("/bin/up")]
    [InlineData("//usr/./bin/../bin/program")]
    [InlineData("./program", "/usr/bin")]
    [InlineData("program")]
    // The guest knows what lies there.
    [InlineData("/data/program")]
    [InlineData("/on-volume")]
    [InlineData("/proc/self/exe")]
    [InlineData("/lib/modules/tool")]
    [InlineData("/loop")]
    public void What_may_be_there_is_left_to_the_guest(string name, string folder = "/") => Check(name, folder);

    [Theory]
    [InlineData("/bin/tool", "/bin/tool")]
    [InlineData("/bin/tool", "/usr/bin/tool")]
    [InlineData("/bin/tool", "tool")]
    [InlineData("/usr/bin/tool", "/bin/tool")]
    [InlineData("/bin/more/", "/usr/bin/more/tool")]
    [InlineData("/loop/below", "/nonesuch")]
    public void A_mount_may_lie_below_a_link(string mount, string name)
    {
        var process = new ProcessSpec { Arguments = [name], Environment = ["PATH=/usr/bin"], WorkingDirectory = "/" };
        WorkloadProgram.Check(_root, process, new JsonArray(new JsonObject { ["destination"] = mount }));
        WorkloadProgram.Check(_root, process, mounts: null, mount);
        Assert.Throws<UsageException>(() => WorkloadProgram.Check(_root, process, mounts: null));
    }

    [Theory]
    [InlineData("/usr/bin/other", "stat /usr/bin/other: no such file or directory")]
    [InlineData("/outside", "stat /outside: no such file or directory")]
    [InlineData("/text/below", "stat /text/below: no such file or directory")]
    [InlineData("/text", "permission denied")]
    [InlineData("/usr/bin", "is a directory")]
    [InlineData("/", "is a directory")]
    [InlineData("other", "executable file not found in $PATH")]
    public void A_mistake_is_told_in_runcs_words(string name, string reason)
    {
        string expected = $"unable to start container process: exec: \"{name}\": {reason}";
        Assert.Equal(expected, Assert.Throws<UsageException>(() => Check(name, "/")).Message);
    }

    [Fact]
    public void A_program_may_lie_on_a_volume_of_the_search_path()
        => Check("other", "/", "PATH=/usr/bin:/data");

    [Fact]
    public void The_last_search_path_counts()
        => Assert.Throws<UsageException>(() => Check("program", "/", "PATH=/usr/bin", "PATH=/usr/sbin"));

    [Theory]
    [InlineData("/text", false)]
    [InlineData("/none", true)]
    [InlineData("/data/none", true)]
    [InlineData("/usr", true)]
    public void A_folder_is_one_or_is_made(string folder, bool works)
    {
        if (works)
        {
            Check("/usr/bin/program", folder);
            return;
        }

        string said = Assert.Throws<UsageException>(() => Check("/usr/bin/program", folder)).Message;
        Assert.Equal($"chdir to cwd (\"{folder}\") set in config.json failed: not a directory", said);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string At(string path) => Path.Combine(_root, path);

    private void Check(string name, string folder, params string[] environment)
    {
        var process = new ProcessSpec
        {
            Arguments = [name],
            Environment = environment.Length > 0 ? environment : ["PATH=/usr/bin"],
            WorkingDirectory = folder,
        };
        WorkloadProgram.Check(_root, process, new JsonArray(new JsonObject { ["destination"] = "/data/" }));
    }
}

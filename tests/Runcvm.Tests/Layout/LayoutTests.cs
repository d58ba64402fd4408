using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Runcvm.Tests.Layout;

/// <summary>Rules of the layout that the compiler cannot hold.</summary>
public partial class LayoutTests
{
    private const int MostLines = 400;

    private static readonly string[] Meaningless = ["Manager", "Helper", "Helpers", "Util", "Utils", "Common", "Abstractions", "Impl"];

    private static string Sources => Path.Combine(Repository.Root, "src");

    [Fact]
    public void No_file_is_too_tooLongto_read_at_once()
    {
        string[] tooLong =
        [
            .. Directory.EnumerateFiles(Sources, "*.cs", SearchOption.AllDirectories)
                .Where(static file => File.ReadLines(file).Count() > MostLines)
                .Select(static file => Path.GetRelativePath(Sources, file)),
        ];
        Assert.Empty(tooLong);
    }

    [Fact]
    public void Every_task_has_an_owner()
        => Assert.DoesNotContain(
            Directory.EnumerateFiles(Sources, "*.cs", SearchOption.AllDirectories)
                .SelectMany(static file => File.ReadLines(file).Select(line => $"{Path.GetFileName(file)}:{line}")),
            static line => DiscardedTask().IsMatch(line));

    [Fact]
    public void Types_and_namespaces_have_names_that_say_something()
    {
        Assembly[] ours = [typeof(UsageException).Assembly, typeof(Guest.Root.Disk).Assembly, typeof(Runcvm.Linux.LinuxException).Assembly, typeof(Runcvm.Fuse.FileServer).Assembly, typeof(Runcvm.Protocol.Wire.WireReader).Assembly];
        foreach (Type type in ours.SelectMany(static assembly => assembly.GetTypes()).Where(static type => type.Namespace?.StartsWith("Runcvm", StringComparison.Ordinal) == true))
        {
            Assert.DoesNotContain(Meaningless, word => type.Name.EndsWith(word, StringComparison.Ordinal));
            Assert.DoesNotContain(Meaningless, word => type.Namespace!.Split('.').Contains(word));
        }
    }

    [Theory]
    [InlineData("Runcvm.Linux")]
    [InlineData("Runcvm.Protocol")]
    [InlineData("Runcvm.Fuse", "Runcvm.Linux")]
    [InlineData("Runcvm.Guest", "Runcvm.Linux", "Runcvm.Protocol")]
    [InlineData("Runcvm", "Runcvm.Fuse", "Runcvm.Linux", "Runcvm.Protocol")]
    public void A_project_knows_only_what_it_may(string project, params string[] allowed)
    {
        string file = Path.Combine(Sources, project, project + ".csproj");
        if (!File.Exists(file)) Assert.Skip($"there is no {project} yet");
        IEnumerable<string> known = XDocument.Load(file).Descendants("ProjectReference")
            .Select(static reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!));
        Assert.Subset(allowed.ToHashSet(), known.ToHashSet());
    }

    [Fact]
    public void Every_project_has_its_rule()
        => Assert.Subset(
            new HashSet<string> { "Runcvm", "Runcvm.Fuse", "Runcvm.Guest", "Runcvm.Linux", "Runcvm.Protocol" },
            Directory.EnumerateDirectories(Sources).Select(static folder => Path.GetFileName(folder)).ToHashSet());

    [Theory]
    [InlineData("Machines")]
    [InlineData("Network")]
    [InlineData("Images")]
    [InlineData("Kernels")]
    [InlineData("Oci")]
    public void These_rooms_of_the_host_do_not_know_each_other(string room)
    {
        string[] rooms = ["Machines", "Network", "Images", "Kernels", "Oci"];
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Sources, "Runcvm", room), "*.cs", SearchOption.AllDirectories))
        {
            IEnumerable<string> others = File.ReadLines(file).Where(line => rooms.Any(other => other != room && line.StartsWith($"using Runcvm.{other}", StringComparison.Ordinal)));
            Assert.True(!others.Any(), $"{file}: {string.Join(' ', others)}");
        }
    }

    [Fact]
    public void Only_the_kernel_room_is_unsafe()
    {
        foreach (string project in Directory.EnumerateFiles(Sources, "*.csproj", SearchOption.AllDirectories))
            Assert.Equal(Path.GetFileName(project) == "Runcvm.Linux.csproj", File.ReadAllText(project).Contains("AllowUnsafeBlocks", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\b_ = .*Async\(")]
    private static partial Regex DiscardedTask();
}

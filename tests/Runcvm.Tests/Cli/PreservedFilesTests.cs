using Runcvm.Cli;
using Runcvm.Oci;

namespace Runcvm.Tests.Cli;

public class PreservedFilesTests
{
    private static readonly string[] WithValue = ["--preserve-fds", "--bundle"];

    [Theory]
    [InlineData("create", "--preserve-fds", "2", "id")]
    [InlineData("exec", "--preserve-fds=1", "id", "sh")]
    public void Files_of_the_hosts_kernel_are_refused(params string[] arguments)
        => Assert.Contains("a machine cannot have open files of the host", Assert.Throws<UsageException>(
            () => PreservedFiles.Check(CommandLine.Parse(arguments), WithValue)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("create", "--preserve-fds", "0", "id")]
    [InlineData("create", "--bundle", "/b", "id")]
    public void None_are_none(params string[] arguments)
        => PreservedFiles.Check(CommandLine.Parse(arguments), WithValue);
}

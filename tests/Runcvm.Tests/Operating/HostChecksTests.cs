using Runcvm.Operating;

namespace Runcvm.Tests.Operating;

/// <summary>What the doctor says of the host itself.</summary>
public class HostChecksTests
{
    [Theory]
    [InlineData("6.1.0-13-cloud-amd64", 6, 1)]
    [InlineData("5.19+", 5, 19)]
    [InlineData("no release", 0, 0)]
    public void The_version_of_a_kernel_is_read_from_its_release(string release, int major, int minor)
        => Assert.Equal(new Version(major, minor), HostChecks.VersionOf(release));
}

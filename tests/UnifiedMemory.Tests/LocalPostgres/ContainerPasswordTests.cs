using UnifiedMemory.Containers;

namespace UnifiedMemory.Tests.LocalServers;

public sealed class ContainerPasswordTests : LocalPostgresFixture
{
    [Test]
    public async Task All_who_ask_for_the_kept_password_at_once_get_the_same_whole_one()
    {
        using var start = new Barrier(8);
        var asking = Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                return ContainerServer.KeptPasswordAsync(Directory, CancellationToken.None);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap());

        var passwords = await Task.WhenAll(asking);

        Assert.That(passwords.Distinct().Single(), Has.Length.EqualTo(32));
        var file = System.IO.Directory.GetFiles(Directory).Single();
        Assert.That(await File.ReadAllTextAsync(file), Is.EqualTo(passwords[0]));
        if (!OperatingSystem.IsWindows())
            Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }
}

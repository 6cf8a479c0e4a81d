global using NUnit.Framework;
global using UnifiedMemory.Tests;

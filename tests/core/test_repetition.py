from myna.core.repetition import Repetition


def test_ids_come_in_order_but_for_those_that_are_answered_already() -> None:
    again = Repetition([5, 3, 9, 4])
    again.answered(3)
    again.answered(3)
    again.answered(77)
    assert len(again) == 3
    assert [again.next(), len(again)] == [5, 2]
    again.answered(4)
    assert [again.next(), again.next(), len(again)] == [9, 0, 0]
